/** The present, to the minute: what says "Today" has to change at midnight. */
class Time {
  now = $state(Date.now());

  /** Runs until the returned function is called. */
  run(): () => void {
    const timer = setInterval(() => (this.now = Date.now()), 60_000);
    return () => clearInterval(timer);
  }
}

export const time = new Time();
