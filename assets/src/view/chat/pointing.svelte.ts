/** Which message the pointer or the keyboard is on, and the long press that stands for both on a touch screen. */

/** The toolbar waits this long, so that crossing the timeline does not flicker; a long press takes this long. In milliseconds. */
const HOVER = 80;
const LONG_PRESS = 400;
/** A finger that moves further than this scrolls, in pixels. */
const SLACK = 10;

export class Pointing {
  /** The key of the message that shows its toolbar. */
  readonly active = $derived.by(() => this.#hovered ?? this.#focusedKey);
  /** Whether the focus was last somewhere in the timeline. */
  inside = false;
  #hovered = $state<string | null>(null);
  #focusedKey = $state<string | null>(null);
  #timer = 0;
  #pressTimer = 0;
  #pressed: { x: number; y: number } | null = null;
  #fired = false;

  /** The message that has the keyboard's focus ring, or null. */
  focus(key: string | null): void {
    this.#focusedKey = key;
  }

  /** Attachment for the timeline; press is called with what a finger rested on. */
  readonly attach = (press: (target: EventTarget | null) => void) => (element: HTMLElement): (() => void) => {
    const end = () => this.#endPress();
    const on: [string, (event: never) => void, boolean?][] = [
      ['pointerover', (event: PointerEvent) => this.#over(event, element)],
      ['pointerleave', () => this.#settle(null)],
      ['pointerdown', (event: PointerEvent) => this.#down(event, press)],
      ['pointermove', (event: PointerEvent) => this.#move(event)],
      ['pointerup', end],
      ['pointercancel', end],
      ['scroll', end],
      ['contextmenu', (event: Event) => this.#context(event)],
      ['click', (event: Event) => this.#swallow(event), true],
    ];
    for (const [name, run, capture] of on) element.addEventListener(name, run as EventListener, { capture: capture === true });
    return () => {
      clearTimeout(this.#timer);
      end();
      for (const [name, run, capture] of on) element.removeEventListener(name, run as EventListener, { capture: capture === true });
    };
  };

  /** While a menu of the toolbar is open it stays where it is. */
  #over(event: PointerEvent, box: HTMLElement): void {
    if (event.pointerType !== 'mouse' || box.querySelector('.menu:popover-open') !== null) return;
    const key = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-key]')?.dataset['key'] : undefined;
    this.#settle(key ?? null);
  }

  #settle(key: string | null): void {
    clearTimeout(this.#timer);
    if (key === this.#hovered) return;
    this.#timer = window.setTimeout(() => (this.#hovered = key), HOVER);
  }

  #down(event: PointerEvent, press: (target: EventTarget | null) => void): void {
    this.#fired = false;
    if (event.pointerType === 'mouse' || !event.isPrimary) return;
    this.#pressed = { x: event.clientX, y: event.clientY };
    this.#pressTimer = window.setTimeout(() => {
      this.#fired = true;
      navigator.vibrate?.(10);
      press(event.target);
    }, LONG_PRESS);
  }

  #move(event: PointerEvent): void {
    if (this.#pressed === null) return;
    if (Math.hypot(event.clientX - this.#pressed.x, event.clientY - this.#pressed.y) > SLACK) this.#endPress();
  }

  #endPress(): void {
    clearTimeout(this.#pressTimer);
    this.#pressed = null;
  }

  /** A long press on Android opens the browser's own menu too, unless told not to. */
  #context(event: Event): void {
    if (this.#pressed !== null || this.#fired) event.preventDefault();
  }

  /** The click that follows a long press is not meant for the link under the finger. */
  #swallow(event: Event): void {
    if (!this.#fired) return;
    this.#fired = false;
    event.preventDefault();
    event.stopPropagation();
  }
}
