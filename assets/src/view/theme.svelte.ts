/** How the app looks on this device: as the device says, or always light, or always dark. */
export type Theme = 'system' | 'light' | 'dark';

const key = 'chatalot.theme';

/** Storage may be forbidden; then the choice lasts until the page is closed. */
function stored(): Theme {
  try {
    const value = localStorage.getItem(key);
    return value === 'light' || value === 'dark' ? value : 'system';
  } catch {
    return 'system';
  }
}

function store(theme: Theme): void {
  try {
    if (theme === 'system') localStorage.removeItem(key);
    else localStorage.setItem(key, theme);
  } catch {
    /* see stored */
  }
}

class Appearance {
  #theme = $state<Theme>('system');

  constructor() {
    this.#apply(stored());
    addEventListener('storage', (event) => event.key === key && this.#apply(stored()));
  }

  get theme(): Theme {
    return this.#theme;
  }

  /** Kept on this device only; other tabs follow. */
  set theme(theme: Theme) {
    store(theme);
    this.#apply(theme);
  }

  #apply(theme: Theme): void {
    this.#theme = theme;
    if (theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
  }
}

export const appearance = new Appearance();
