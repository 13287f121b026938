/** The pages of looking after the place. */
export type Section = 'overview' | 'people' | 'invites' | 'audit';
