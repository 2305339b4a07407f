/** One photo in a real browser: its words, and the talk that streams, stops, goes on and fails. */
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { eventually, hasChromium } from './browser.ts';
import { fakePages } from './fake-pages.ts';
import { fakeEngine } from '../web/fake-engine.ts';

describe.skipIf(!hasChromium())('a photo', () => {
  const pages = fakePages();
  const { open, calls } = pages;
  const answered = 'and little behind it.';

  test('a photo opens with its words; a person’s look different from Iris’s and stay', async () => {
    const page = await open();
    await page.getByRole('option', { name: 'IMG_1004.jpg' }).click();
    const panel = page.getByRole('complementary', { name: 'Photo: IMG_1004.jpg' });
    await panel.getByText('Iris thinks').waitFor();
    await panel.getByText('iris-starter, 12 Jan 2026').waitFor();
    await panel.getByRole('button', { name: 'Write a caption' }).click();
    await page.keyboard.type('Our old boat');
    await page.keyboard.press('Enter');
    await panel.locator('blockquote.own', { hasText: 'Our old boat' }).waitFor();
    await panel.getByRole('button', { name: 'Choose how the description begins' }).click();
    await panel.getByLabel('Begin the description with').fill('A painting of');
    await panel.getByRole('button', { name: 'Describe again' }).click();
    await panel.locator('blockquote.thought', { hasText: 'A painting of a dog at rest.' }).waitFor();
    await eventually(() => panel.locator('blockquote.own').innerText()).toContain('Our old boat');
    await panel.getByText('begun with “A painting of”').waitFor();
    await panel.getByText('1 earlier caption').waitFor();
    await panel.getByText('Details').click();
    await panel.getByText('FUJIFILM X-T30 II').waitFor();
    await panel.getByText('1/250 s · f/2.8 · ISO 400 · 35 mm').waitFor();
  });

  test('what a model finds is drawn where it is and said beside it, in the panel and over the window', async () => {
    const page = await open();
    await page.getByRole('option', { name: 'IMG_1004.jpg' }).click();
    const panel = page.getByRole('complementary', { name: 'Photo: IMG_1004.jpg' });
    await panel.getByText('Iris thinks').waitFor();
    await panel.getByRole('button', { name: 'Choose how the description begins' }).click();
    await panel.getByLabel('Begin the description with').fill('<OD>');
    await panel.getByRole('button', { name: 'Describe again' }).click();
    const bench = panel.getByRole('button', { name: /^2 bench from \d+, \d+ to \d+, \d+ in pixels$/ });
    await bench.waitFor();
    const expected = ['0.6', '0.2', '0.9', '0.8'];
    const { width, height } = await pages.engine.photo({ id: 4 });
    await eventually(() => partsOf(page, 'aside .stage', width / height)).toEqual(expected);
    await bench.click();
    await eventually(() => page.locator('aside .stage g.away').count()).toBe(1);
    const shown = panel.getByRole('button', { name: '2 boxes on the photo', pressed: true });
    await shown.press('Enter');
    await bench.waitFor({ state: 'detached' });
    expect(await page.locator('aside .stage rect').count()).toBe(0);
    await panel.getByRole('button', { name: '2 boxes on the photo', pressed: false }).press('Enter');
    await bench.waitFor();
    await panel.getByRole('button', { name: 'Fill the window' }).first().click();
    await page.locator('dialog .picture rect.over').last().waitFor();
    await eventually(() => partsOf(page, 'dialog .picture', width / height)).toEqual(expected);
  });

  test('a talk streams, shows what was sent, is kept, repeated and cleared', async () => {
    const page = await open({ wordMs: 40 });
    await page.getByRole('option', { name: 'IMG_1002.jpg' }).click();
    await page.getByRole('button', { name: 'What stands out?' }).click();
    await page.getByText('This looks').waitFor();
    expect(await page.getByText(answered).count()).toBe(0);
    await page.getByText(answered).waitFor();
    await page.getByText('What the model was given').click();
    await page.getByText('<system>You see one photo.</system>').waitFor();

    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('button', { name: 'Stop' }).waitFor();
    await page.getByText(answered).waitFor();
    await page.getByText('Not sure: 24 in 100 such answers are right.').waitFor(); // the first was sure
    await page.getByRole('listitem').getByText('72%').waitFor();
    expect(calls('chat').at(-1)).toBe('chat {"photo":{"id":2},"again":true}');
    await eventually(() => page.getByText('This looks').count()).toBe(1);

    await page.getByRole('option', { name: 'IMG_1003.jpg' }).click();
    await page.getByText(answered).waitFor({ state: 'detached' });
    await page.getByRole('option', { name: 'IMG_1002.jpg' }).click();
    await page.getByText(answered).waitFor();
    await page.getByRole('listitem').getByText('72%').waitFor(); // kept with the answer
    await page.getByRole('button', { name: 'Clear the conversation' }).click();
    await page.getByRole('button', { name: 'Clear', exact: true }).click();
    await page.getByText(answered).waitFor({ state: 'detached' });
    expect((await pages.engine.photo({ id: 2 })).chat).toEqual([]);
  });

  test('an answer stays where the photo’s record, asked for before it, comes after it', async () => {
    const engine = fakeEngine({ wordMs: 0 });
    const answer = Promise.withResolvers<undefined>();
    const slow: typeof engine.photo = async (args) => {
      const record = await engine.photo(args);
      await answer.promise;
      return record;
    };
    const page = await pages.show({ ...engine, photo: slow });
    await page.getByRole('option', { name: 'IMG_1002.jpg' }).click();
    await page.getByLabel('Ask about this photo').fill('what is this?');
    await page.keyboard.press('Enter');
    await page.getByText(answered).waitFor();
    answer.resolve(undefined);
    await page.locator('aside .body[aria-busy=false]').waitFor();
    expect(await page.getByText(answered).count()).toBe(1);
  });

  test('Stop ends the answer in the engine too, and keeps what was said', async () => {
    const page = await open({ wordMs: 200 });
    await page.getByRole('option', { name: 'IMG_1002.jpg' }).click();
    await page.keyboard.press('t');
    await page.locator('textarea:focus').waitFor();
    await page.keyboard.type('What is it?');
    await page.keyboard.press('Enter');
    await page.getByText('This looks like').waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('Stopped.').waitFor();
    await eventually(() => pages.engine.aborted).toContain('chat 2');
    // Longer than all words would take, were they still coming.
    await page.waitForTimeout(5000);
    expect(await page.getByText(answered).count()).toBe(0);
    await eventually(() => page.getByText('This looks like').count()).toBe(1);
    await page.getByText('What the model was given').waitFor();
  });

  test('an answer goes on while another photo is looked at', async () => {
    const page = await open({ wordMs: 60 });
    await page.getByRole('option', { name: 'IMG_1002.jpg' }).click();
    await page.getByRole('button', { name: 'What stands out?' }).click();
    await page.getByText('This looks').waitFor();
    await page.getByRole('option', { name: 'IMG_1003.jpg' }).click();
    await page.getByRole('complementary', { name: 'Photo: IMG_1003.jpg' }).waitFor();
    await page.getByRole('option', { name: 'IMG_1002.jpg' }).click();
    await page.getByText(answered).waitFor();
    expect(pages.engine.aborted).toEqual([]);
  });

  test('keys typed before a photo’s words have come go into its fields; the answer is scrolled to', async () => {
    const page = await open({ wordMs: 0 }, { viewport: { width: 1360, height: 500 } });
    await page.getByRole('listbox').focus();
    let arrive = (): void => undefined;
    const come = new Promise<void>((resolve) => (arrive = resolve));
    const { engine } = pages;
    const photo = engine.photo.bind(engine);
    engine.photo = (args) => come.then(() => photo(args));
    await page.keyboard.press('c');
    await page.keyboard.type('Our boat');
    await eventually(() => page.getByLabel('Your caption').inputValue()).toBe('Our boat');
    await page.keyboard.press('Escape');
    await page.getByRole('listbox').focus();
    await page.keyboard.press('t');
    await page.keyboard.type('Where is it?');
    await eventually(() => page.getByLabel('Ask about this photo').inputValue()).toBe('Where is it?');
    arrive();
    await page.getByText('Similar photos').waitFor();
    await page.keyboard.press('Enter');
    await page.getByText(answered).waitFor();
    const edges = async (): Promise<[number, number]> => {
      const said = await page.locator('.answer').last().boundingBox();
      const field = await page.locator('aside form').last().boundingBox();
      return [Math.floor((said?.y ?? Infinity) + (said?.height ?? 0)), Math.ceil(field?.y ?? 0)];
    };
    await eventually(async () => {
      const [foot, field] = await edges();
      return foot <= field;
    }).toBe(true);
  });

  test('an error stands beside the talk, which can go on', async () => {
    const page = await open();
    await page.getByRole('option', { name: 'IMG_1001.jpg' }).click();
    await page.getByLabel('Ask about this photo').fill('fail');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('The model folder is damaged.').waitFor();
    await page.getByLabel('Ask about this photo').fill('And now?');
    await page.keyboard.press('Enter');
    await page.getByText(answered).waitFor();
  });
});

/** Where the last box is within a picture of this shape, as `object-fit: contain` shows it: sides in tenths. */
async function partsOf(page: Page, place: string, ratio: number): Promise<string[]> {
  const frame = await page.locator(`${place} img`).first().boundingBox();
  const drawn = await page.locator(`${place} rect.over`).last().boundingBox();
  if (!frame || !drawn) return [];
  const width = Math.min(frame.width, frame.height * ratio);
  const height = width / ratio;
  const left = (drawn.x - frame.x - (frame.width - width) / 2) / width;
  const top = (drawn.y - frame.y - (frame.height - height) / 2) / height;
  const sides = [left, top, left + drawn.width / width, top + drawn.height / height];
  return sides.map((part) => part.toFixed(1));
}
