/** Finding people by what is written in messages. */
import { app } from '../../model/app.svelte.ts';
import type { Person, Presence } from '../../model/types.ts';

class People {
  /** Oneself and everybody one shares a community with. */
  readonly all: readonly Person[] = $derived(app.me === null ? app.people : [app.me, ...app.people.filter((one) => !one.isMe)]);
  readonly #byUsername = $derived(new Map(this.all.map((one) => [one.username.toLowerCase(), one])));
  readonly #byId = $derived(new Map(this.all.map((one) => [one.id, one])));

  /** The person with this sign-in name, in whatever case it was typed. */
  byUsername(name: string): Person | undefined {
    return this.#byUsername.get(name.toLowerCase());
  }

  /** The person as they are now; an older shape of the same one when they are gone. */
  now(person: Person): Person {
    return this.#byId.get(person.id) ?? person;
  }

  /** Whether somebody is here. While the place is not reached nobody can tell, so everybody shows as offline. */
  presence(person: Person): Presence {
    return app.connection === 'offline' ? 'offline' : this.now(person).presence;
  }
}

export const people = new People();
