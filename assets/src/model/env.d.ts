interface TrustedTypePolicy {
  createScriptURL(input: string): { toString(): string };
}

/** Trusted Types, where the browser has them (they are not in TypeScript's DOM library yet). */
declare var trustedTypes: { createPolicy(name: string, rules: { createScriptURL(input: string): string }): TrustedTypePolicy } | undefined;
