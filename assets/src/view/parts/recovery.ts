/** The groups of four a recovery key is written in, whatever stands between them. */
export function keyGroups(key: string): string[] {
  return (
    key
      .replace(/[^0-9a-z]/gi, '')
      .toUpperCase()
      .match(/.{1,4}/g) ?? []
  );
}

/** A recovery key as it is being typed: upper case, a dash after every group of four. */
export function tidyKey(typed: string): string {
  return keyGroups(typed).join('-');
}

const keyLength = 28;

/** What is wrong with the length of a typed recovery key, or null. */
export function keyProblem(key: string): string | null {
  const count = key.replaceAll('-', '').length;
  if (count === keyLength) return null;
  const off = Math.abs(keyLength - count);
  const how = `${off} ${off === 1 ? 'is' : 'are'} ${count < keyLength ? 'missing' : 'too many'}.`;
  return `A recovery key has seven groups of four letters and digits. ${how}`;
}
