/** The steps of a new place, in order. */
export const setupSteps = [
  { label: 'Name your place' },
  { label: 'Create your account' },
  { label: 'Save your recovery key' },
  { label: 'Invite your people' },
] as const;
