import { plainUsername } from '../parts/account.ts';

/** What somebody types to make an account, kept while the steps go back and forth. */
export class Account {
  displayName = $state('');
  username = $state('');
  password = $state('');
  /** Once typed, the sign-in name no longer follows the name. */
  usernameTouched = $state(false);

  /** The same as the model wants it. */
  get input(): { displayName: string; username: string; password: string } {
    return {
      displayName: this.displayName.trim(),
      username: plainUsername(this.username),
      password: this.password,
    };
  }
}
