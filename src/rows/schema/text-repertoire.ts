/** What the bytes 0x80 to 0x9F are in the set that MySQL calls latin1: Windows-1252. */
const windows1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';
const latin1 = new RegExp(`^[\\0-\\x7f\\xa0-\\xff${windows1252}]*$`, 'u');
// Every code point of the Basic Multilingual Plane: utf8mb3 has three bytes for one at most.
const basicPlane = /^[\0-\uffff]*$/u;
const ascii = /^[\0-\x7f]*$/;

const repertoires: Readonly<Record<string, RegExp>> = {
  ascii,
  latin1,
  utf8mb3: basicPlane,
  utf8: basicPlane,
};

/**
 * Whether a column can hold a text, by the character set that its collation belongs to. Of sets that
 * are not known here the server decides.
 */
export function holdsText(collation: string | undefined): (text: string) => boolean {
  const repertoire = repertoires[collation?.split('_')[0] ?? ''];
  return repertoire === undefined ? () => true : (text) => repertoire.test(text);
}
