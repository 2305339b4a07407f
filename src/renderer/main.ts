/** Puts the page into its document, as its person left it. */
import './first.ts';
import { mount } from 'svelte';
import App from './App.svelte';
import './app.css';
import type { Settings } from '../shared/contract.ts';
import { api } from './lib/api.ts';
import { keySettings } from './state/keys.svelte.ts';
import { language } from './state/language.svelte.ts';
import { panes } from './state/panes.svelte.ts';
import { theme } from './state/theme.svelte.ts';

/** Longer than a library ever takes; an engine that is gone must not leave the window blank. */
const patienceMs = 400;

async function asItWasLeft(): Promise<void> {
  const kept = await api.settings({}).catch((): Settings => ({}));
  language.take(kept.language);
  theme.take(kept.theme);
  keySettings.take(kept.letters);
  panes.take(kept.layout);
}

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no #app element.');
// First the theme and the language, then the page: nothing changes its looks before a person's eyes.
await Promise.race([asItWasLeft(), new Promise((resolve) => setTimeout(resolve, patienceMs))]);
mount(App, { target });
