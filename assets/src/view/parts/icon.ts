import type Shape from '@lucide/svelte/icons/circle';

/** Any icon of @lucide/svelte. Icons are imported one by one, so that only those in use are loaded. */
export type IconShape = typeof Shape;
