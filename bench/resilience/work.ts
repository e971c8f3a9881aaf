import { createConnection } from 'mysql2/promise';

/** The table whose rows the service's statement counts. */
export async function createWork(adminUrl: string): Promise<void> {
  const connection = await createConnection(adminUrl);
  await connection.query('CREATE TABLE work (id INT PRIMARY KEY)');
  await connection.query('INSERT INTO work SELECT seq FROM seq_1_to_200');
  await connection.end();
}
