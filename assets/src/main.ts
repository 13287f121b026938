import { mount } from 'svelte';
import App from './view/App.svelte';

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has lost its #app');
mount(App, { target });
