/**
 * Shows a stretch of a long list and keeps the reader where they are. The list hangs from its end (the scrolling element is a reversed column, so
 * scrollTop is 0 at the end and negative above it): at the end it stays at the end by itself, and older rows or better measures above move nothing.
 * Whatever changes below the first row one sees is compensated by that row, the anchor.
 */
import { tick, untrack } from 'svelte';
import { distances, rangeBetween, type Range } from './lib/extent.ts';
import { estimate } from './lib/estimate.ts';
import { indexOfKey, type Row } from './lib/rows.ts';

/** Closer to the end than this counts as being there, in pixels. */
const NEAR_END = 80;
/** Rows are drawn this far beyond what one sees, in pixels, in steps, so that few scroll events change anything. */
const AHEAD = 900;
const STEP = 300;
/** Older rows are asked for when fewer pixels than this lie above what one sees. */
const ASK_OLDER = 1600;

export class Scroller {
  /** Whether one sees the end (of what is loaded). */
  atEnd = $state(true);
  readonly #rows: () => readonly Row[];
  readonly #elements = new Map<string, HTMLElement>();
  readonly #heights = new Map<string, number>();
  readonly #attachments = new Map<string, (element: HTMLElement) => () => void>();
  readonly #observer: ResizeObserver;
  #measured = $state(0);
  #near = $state(0);
  #far = $state(innerHeight);
  /** Little at first, so that the end of a long conversation is painted at once; the rest follows a frame later. */
  #ahead = $state(100);
  #box: HTMLElement | null = null;
  #anchor: { key: string; top: number } | null = null;
  #lastKey: string | undefined;
  #frame = 0;
  #painted = false;

  readonly #dist = $derived.by(() => this.#distances());
  readonly #range: Range = $derived(rangeBetween(this.#dist, this.#near - this.#ahead, this.#far + this.#ahead));
  /** The rows to draw, and the room of those left out, in pixels. */
  readonly shown: readonly Row[] = $derived.by(() => this.#rows().slice(this.#range.start, this.#range.end));
  readonly above = $derived((this.#dist[0] ?? 0) - (this.#dist[this.#range.start] ?? 0));
  readonly below = $derived(this.#dist[this.#range.end] ?? 0);
  /** There is little left above: time to load what is older. */
  readonly wantsOlder = $derived((this.#dist[0] ?? 0) - this.#far < ASK_OLDER);
  readonly wantsNewer = $derived(this.#near < ASK_OLDER / 2);

  constructor(rows: () => readonly Row[]) {
    this.#rows = rows;
    this.#observer = new ResizeObserver((entries) => this.#resized(entries));
  }

  #distances(): Float64Array {
    void this.#measured;
    return distances(this.#rows().map((row) => this.#heights.get(row.key) ?? estimate(row)));
  }

  /** Attachment for the scrolling element. */
  readonly box = (element: HTMLElement): (() => void) => {
    this.#box = element;
    this.#observer.observe(element);
    const scrolled = () => this.#scrolled();
    element.addEventListener('scroll', scrolled, { passive: true });
    return () => {
      element.removeEventListener('scroll', scrolled);
      this.#observer.disconnect();
      cancelAnimationFrame(this.#frame);
      this.#box = null;
    };
  };

  /** Attachment for the element of a row, which carries its key as data-key; the same function for the same key, so that it is attached once. */
  row(key: string): (element: HTMLElement) => () => void {
    const known = this.#attachments.get(key);
    if (known !== undefined) return known;
    const attach = (element: HTMLElement) => this.#follow(key, element);
    this.#attachments.set(key, attach);
    return attach;
  }

  #follow(key: string, element: HTMLElement): () => void {
    this.#elements.set(key, element);
    this.#observer.observe(element);
    return () => {
      this.#observer.unobserve(element);
      if (this.#elements.get(key) === element) this.#elements.delete(key);
    };
  }

  #resized(entries: readonly ResizeObserverEntry[]): void {
    let changed = false;
    for (const entry of entries) {
      const element = entry.target as HTMLElement;
      const key = element.dataset['key'];
      const height = entry.borderBoxSize[0]?.blockSize ?? 0;
      if (key === undefined || !element.isConnected || this.#heights.get(key) === height) continue;
      this.#heights.set(key, height);
      changed = true;
    }
    if (changed) this.#measured++;
    this.hold();
    this.#scrolled();
  }

  #scrolled(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.#painted) return this.#look();
      this.#painted = true; // with the frame that now begins; what a look around adds would hold it up
      this.#scrolled();
    });
  }

  /** Takes note of where one is. */
  #look(): void {
    const box = this.#box;
    if (box === null) return;
    const gone = Math.max(0, -box.scrollTop);
    this.#ahead = AHEAD;
    this.atEnd = gone <= NEAR_END;
    this.#near = Math.floor(gone / STEP) * STEP;
    this.#far = this.#near + Math.ceil(box.clientHeight / STEP) * STEP + STEP;
    this.#remember();
  }

  #remember(): void {
    const box = this.#box?.getBoundingClientRect();
    if (box === undefined) return;
    this.#anchor = null;
    for (const row of untrack(() => this.shown)) {
      const rect = this.#elements.get(row.key)?.getBoundingClientRect();
      if (rect === undefined || rect.bottom <= box.top || row.kind !== 'message') continue;
      this.#anchor = { key: row.key, top: rect.top - box.top };
      return;
    }
  }

  /** Puts the anchor back to where it was; at the very end nothing is needed. */
  hold(): void {
    const box = this.#box;
    const anchor = this.#anchor;
    if (box === null || anchor === null || box.scrollTop >= -1) return;
    const rect = this.#elements.get(anchor.key)?.getBoundingClientRect();
    if (rect === undefined) return;
    const moved = rect.top - box.getBoundingClientRect().top - anchor.top;
    if (Math.abs(moved) >= 1) box.scrollTop += moved;
  }

  /** Called after rows changed and were drawn: follows the end when one was near it, otherwise holds still. */
  rowsChanged(): void {
    const last = this.#rows().at(-1)?.key;
    const grew = this.#lastKey !== undefined && last !== this.#lastKey;
    this.#lastKey = last;
    if (grew && this.atEnd) this.toEnd();
    else this.hold();
    this.#scrolled();
  }

  toEnd(): void {
    if (this.#box === null) return;
    this.#anchor = null;
    this.#near = 0;
    this.#far = this.#box.clientHeight + STEP;
    this.atEnd = true;
    this.#box.scrollTop = 0;
    this.#scrolled();
  }

  /** Whether a row lies higher above the end than one sees at the end. */
  isAbovePresent(key: string): boolean {
    const index = indexOfKey(this.#rows(), key);
    return index >= 0 && (this.#dist[index] ?? 0) > (this.#box?.clientHeight ?? 0) * 0.9;
  }

  /** Draws a row and brings it into view. Answers its element, or null when there is no such row. */
  async bring(key: string, block: 'start' | 'center' | 'nearest'): Promise<HTMLElement | null> {
    const index = indexOfKey(this.#rows(), key);
    if (index < 0 || this.#box === null) return null;
    if (!this.#elements.has(key)) {
      const height = this.#box.clientHeight;
      this.#near = Math.max(0, (this.#dist[index] ?? 0) - height);
      this.#far = this.#near + 2 * height;
      this.#anchor = null;
      await tick();
    }
    const element = this.#elements.get(key) ?? null;
    element?.scrollIntoView({ block, behavior: 'instant' });
    this.#look();
    return element;
  }

  /** The element of a drawn row. */
  element(key: string): HTMLElement | undefined {
    return this.#elements.get(key);
  }
}
