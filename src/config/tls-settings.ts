import { z } from 'zod';
import { strictObject } from './strict-object.ts';

const pem = z.string().min(1, 'is empty; give PEM text or the path of a PEM file');

/** TLS as users write it; what the files hold is looked at where they are read. */
export const tlsSettings = strictObject({
  ca: pem.optional(),
  cert: pem.optional(),
  key: pem.optional(),
  minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).optional(),
});
