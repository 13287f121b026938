import { mount } from 'svelte';
import App from '../view/App.svelte';
import { openDialog } from '../view/dialogs/open.svelte.ts';
import { app } from './fixture.svelte.ts';
import { applyHash } from './screens.ts';

applyHash(location.hash);
addEventListener('hashchange', () => location.reload());
// For the console, and for scripts that take pictures.
Object.assign(globalThis, { app, openDialog });
const target = document.getElementById('app');
if (target === null) throw new Error('index.html has lost its #app');
mount(App, { target });
