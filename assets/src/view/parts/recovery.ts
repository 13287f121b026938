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
