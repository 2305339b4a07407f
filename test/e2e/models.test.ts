/** Models in a real browser: one is added, given work, asked about a photo, and removed; what is missing is said. */
import { describe, expect, test } from 'vitest';
import { eventually, expectAccessible, hasChromium } from './browser.ts';
import { fakePages } from './fake-pages.ts';
import { runningJob } from '../web/fake-world.ts';

describe.skipIf(!hasChromium())('models in the page', () => {
  const pages = fakePages('img.loaded, .first');
  const { open, calls } = pages;

  test('one is added from a folder, talks, gets ready to search, and goes after a second yes', async () => {
    const page = await open();
    await page.getByRole('link', { name: 'Models' }).click();
    const add = page.getByRole('button', { name: 'Add from a folder' });
    await add.click();
    const picker = page.getByRole('dialog', { name: 'Where is the model?' });
    await picker.getByRole('button', { name: 'Documents' }).click();
    await picker.getByRole('button', { name: 'Choose “Documents”' }).click();
    await page
      .getByRole('alert')
      .getByText(/no model\.json in .*Documents/)
      .waitFor();
    await add.click();
    await picker.getByRole('button', { name: 'Pictures' }).click();
    await picker.getByRole('button', { name: 'Choose “Pictures”' }).click();
    await page.getByText('Big talker was added. Choose above what it does.').waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
    expect(calls('addModel').at(-1)).toBe('addModel {"folder":"/home/you/Pictures"}');

    const card = page.getByRole('listitem').filter({ hasText: 'Added by you' });
    await card.getByText('Not in use').waitFor();
    await page.getByRole('button', { name: 'Compare', exact: true }).click();
    await page.getByText('Too few to tell: 3 searches').waitFor();
    await page.getByText('8 searches with 21 photos').waitFor();
    expect(calls('compareModels')).toEqual(['compareModels {"ids":["iris-starter","big-talker"]}']);
    await expectAccessible(page);
    await page.getByLabel('Answers and talks').selectOption('Big talker');
    await card.getByText('Talks', { exact: true }).waitFor();
    expect(await card.getByRole('button', { name: 'Remove Big talker' }).count()).toBe(0);
    await page.getByLabel('Finds photos').selectOption('Big talker');
    await page.getByText('it has looked at every photo: 1,200 to go. Until then Iris starter').waitFor();
    await page.getByLabel('Finds photos').selectOption('Iris starter');
    await page.getByText('1,200 to go').waitFor({ state: 'detached' });
    await page.getByLabel('Answers and talks').selectOption('Iris starter');

    await card.getByText('Licence: MIT').click();
    await card.getByText('Permission is hereby granted…').waitFor();
    await card.getByRole('button', { name: 'Remove Big talker' }).click();
    await eventually(() => page.evaluate('document.activeElement.innerText')).toBe('Keep');
    await expectAccessible(page);
    await page.keyboard.press('Enter');
    expect(calls('removeModel')).toEqual([]);
    await card.getByRole('button', { name: 'Remove Big talker' }).click();
    await card.getByRole('group').getByRole('button', { name: 'Remove' }).click();
    await card.waitFor({ state: 'detached' });
    expect(calls('removeModel')).toEqual(['removeModel {"id":"big-talker"}']);
  });

  test('a server is connected, another computer only after a yes, and its answers say where photos go', async () => {
    const page = await open();
    await page.getByRole('link', { name: 'Models' }).click();
    await page.getByText('Connect a model server').click();
    await page.getByRole('textbox', { name: 'Address' }).fill('http://nas.lan:8080/v1');
    await page.getByRole('textbox', { name: 'Model' }).fill('llava:7b');
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.getByRole('alert').getByText('photos that you ask about would be sent there').waitFor();
    await page.getByLabel('Photos may leave this computer').check();
    await page.getByLabel('Key, if it asks for one').fill('sk-0123');
    await page.getByRole('button', { name: 'Connect' }).click();
    const card = page.getByRole('listitem').filter({ hasText: 'Photos you ask it about are sent to' });
    await card.getByText('http://nas.lan:8080/v1').waitFor();
    expect(calls('connectModel').at(-1)).toContain('"remote":true,"key":"sk-0123"');
    await eventually(() => page.getByLabel('Key, if it asks for one').inputValue()).toBe('');
    await expectAccessible(page);
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByText('only to http://nas.lan:8080/v1, when you ask a model there').waitFor();
    await page.evaluate("location.hash = ''");
    await page.getByRole('option', { name: 'IMG_1002.jpg' }).click();
    await page.getByLabel('Model that answers').selectOption('llava:7b at nas.lan:8080');
    await page.getByText('Photos you ask it about are sent to http://nas.lan:8080/v1').waitFor();
    await page.getByLabel('Model that answers').selectOption('Iris starter');

    // Beside it, a model that reads only what the other says of the photo: nothing of that is kept.
    const pair = 'Beside it: llava:7b at nas.lan:8080, reading Iris starter’s caption';
    await page.getByLabel('A second answer').selectOption(pair);
    await page.getByText('The caption and your question are sent to http://nas.lan:8080/v1.').waitFor();
    await page.getByLabel('Ask about this photo').fill('What is it?');
    await page.keyboard.press('Enter');
    const both = page.getByRole('group', { name: 'Two answers' });
    await both.getByRole('heading', { name: 'Iris starter sees the photo' }).waitFor();
    const blind = both.getByRole('region').or(both.locator('section')).last();
    await blind.getByText('reads only the caption').waitFor();
    await blind.getByText('A dog in the snow.').waitFor();
    await both.getByRole('button', { name: 'Try again' }).waitFor();
    expect(await both.getByText('and little behind it.').count()).toBe(2);
    const [alone, kept] = calls('chat').slice(-2).toSorted();
    expect(kept).toContain('"text":"What is it?"}');
    expect(alone).toContain('"alone":true,"model":"iris-starter+server-llava"');
    expect((await pages.engine.photo({ id: 2 })).chat).toHaveLength(2);
    await expectAccessible(page);
    await page.getByLabel('A second answer').selectOption('One answer');
    await both.getByRole('button', { name: 'Try again' }).click();
    await both.waitFor({ state: 'detached' });
    await eventually(() => calls('chat').length).toBe(3);
  });

  test('one is downloaded after the page has said to whom it connects, and one that was cut goes on', async () => {
    const page = await open();
    await page.getByRole('link', { name: 'Models' }).click();
    await page.getByText('Models to download').click();
    await page.getByText('A download connects to https://hub.example when you start one').waitFor();
    await page.getByText('Iris has no family for it yet.').waitFor();
    const get = page.getByRole('button', { name: /^Download / });
    expect(await get.count()).toBe(1);
    await get.click();
    const question = page.getByRole('group', { name: 'Connect to https://hub.example and download' });
    await eventually(() => page.evaluate('document.activeElement.innerText')).toBe('Not now');
    await expectAccessible(page);
    expect(calls('downloadModel')).toEqual([]);
    await question.getByRole('button', { name: 'Connect and download' }).click();
    await page.getByRole('main').getByText('244 MB / 610 MB · 6.1 MB/s · 60 s left').waitFor();
    expect(calls('downloadModel')).toEqual(['downloadModel {"id":"clip-vit-b32"}']);
    const cut = 'vision_model.onnx: https://hub.example gave 9 of 10 bytes and then no more.';
    const job = { ...runningJob, id: 13, kind: 'model', model: 'clip-vit-b32', error: cut } as const;
    pages.engine.emit({ type: 'job', job: { ...job, state: 'failed', phase: 'finished' } });
    await page.getByRole('main').getByText(cut).waitFor(); // announced by the frame
    await page.getByRole('button', { name: 'Go on: 244 MB are here' }).waitFor();
    await page.getByRole('button', { name: 'Delete what is here' }).click();
    await get.waitFor();
    expect(calls('discardDownload')).toEqual(['discardDownload {"id":"clip-vit-b32"}']);
  });

  test('a photo is described and asked by another model, where there is another', async () => {
    const page = await open({ twoModels: true });
    await page.getByRole('option', { name: 'IMG_1002.jpg' }).click();
    await page.getByLabel('Model that describes').selectOption('Big talker');
    await page.getByRole('button', { name: 'Describe again' }).click();
    await eventually(() => calls('caption')).toEqual(['caption {"photo":{"id":2},"model":"big-talker"}']);
    await page.getByText(/^big-talker, /).waitFor();
    await page.getByLabel('Model that answers').selectOption('Big talker');
    await page.getByLabel('Ask about this photo').fill('What is it?');
    await page.keyboard.press('Enter');
    await page.getByText('What the model was given (big-talker)').waitFor();
    expect(calls('chat')[0]).toContain('"model":"big-talker"');
    await page.getByLabel('Model that answers').selectOption('Iris starter');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('What the model was given (iris-starter)').waitFor();
    await expectAccessible(page);
  });

  test('with one model nothing is to be chosen; a missing one is said wherever the person is', async () => {
    const page = await open({ troubles: true });
    await page.getByRole('status').getByText('“qwen-vl” was chosen. Its folder is gone.').waitFor();
    await page.getByRole('option', { name: 'IMG_1002.jpg' }).click();
    await page.getByLabel('Ask about this photo').waitFor();
    expect(await page.getByLabel('Model that answers').count()).toBe(0);
    await page.getByRole('link', { name: 'Choose another' }).click();
    await page.getByRole('main', { name: 'Models' }).waitFor();
    await page.getByText('Missing', { exact: true }).waitFor();
    await page.getByText('Iris starter does it instead.').first().waitFor();
    await eventually(() => page.getByRole('button', { name: /^Remove/ }).allInnerTexts()).toEqual(['Remove']);
  });
});
