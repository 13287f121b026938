// SPEC.md section 6: the recovery key and the vault.
import { Reader, join, refuse, same, uint, type Bytes } from './bytes.ts';
import { edPublicOf, openBox, unpad } from './prim.ts';

const LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** recoveryKey reads what a person typed (6.1) and returns the 16 bytes. */
export function recoveryKey(typed: string): Bytes {
  const plain = typed.replace(/[a-z]/g, (letter) => letter.toUpperCase()).replace(/[ \t\r\n-]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1');
  const digits = [...plain].map((letter) => LETTERS.indexOf(letter));
  refuse(digits.length === 28 && !digits.includes(-1) && digits[0]! <= 7, 'no recovery key');
  const n = digits.slice(0, 26).reduce((sum, digit) => sum * 32n + BigInt(digit), 0n);
  refuse(n % 1021n === BigInt(digits[26]! * 32 + digits[27]!), 'a wrong letter in the recovery key');
  return new Uint8Array(Buffer.from(n.toString(16).padStart(32, '0'), 'hex'));
}

/** openVault opens a vault (6.2 to 6.4) for the user, version and public keys that the manifest names. */
export function openVault(all: Bytes, key: Bytes, manifest: { user: Bytes; vaultVersion: number; msk: Bytes; ssk: Bytes }) {
  const vault = Reader.read(all, (from) => {
    from.suite();
    const fields = { user: from.take(16), version: from.u64(), nonce: from.take(24), commit: from.take(32) };
    return { ...fields, header: from.before(), ciphertext: from.var() };
  });
  refuse(same(vault.user, manifest.user) && vault.version === manifest.vaultVersion, 'the vault of another manifest');
  const context = join(vault.user, uint(vault.version, 8));
  const ad = join(new TextEncoder().encode('chatalot/vault/v1\0'), vault.header);
  const content = Reader.read(unpad(openBox({ secret: key, label: 'chatalot/vault/v1\0', context, nonce: vault.nonce, ad }, vault.commit, vault.ciphertext)), (from) => ({
    msk: from.take(32),
    ssk: from.take(32),
    backup: from.list(64, () => from.take(32)),
  }));
  refuse(content.backup.length > 0, 'no backup key');
  refuse(same(edPublicOf(content.msk), manifest.msk) && same(edPublicOf(content.ssk), manifest.ssk), 'the seeds of other keys');
  return content;
}
