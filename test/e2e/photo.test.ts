/** One photo closely, in a real browser: its marks, its map, its captions, its talk. */
import { describe, expect, test } from 'vitest';
import { fakeEngine } from '../web/fake-engine.ts';
import { eventually, expectAccessible, hasChromium } from './browser.ts';
import { fakePages } from './fake-pages.ts';

describe.skipIf(!hasChromium())('a photo closely', () => {
  const pages = fakePages();
  const { open, calls } = pages;
  const answered = 'and little behind it.';
  test('stars by key and by click, taken back by the same again; refused ones go back', async () => {
    const page = await open();
    await page.getByRole('option').nth(3).click();
    const panel = page.getByRole('complementary');
    const chosen = (): Promise<number> => panel.getByRole('radio', { checked: true }).count();
    await panel.getByRole('radio', { name: '4 stars', checked: true }).waitFor();
    await page.keyboard.press('2');
    await panel.getByRole('radio', { name: '2 stars', checked: true }).waitFor();
    await page.keyboard.press('2');
    await eventually(chosen).toBe(0);
    await panel.locator('label', { hasText: '5 stars' }).click();
    await panel.getByRole('radio', { name: '5 stars', checked: true }).waitFor();
    await page.keyboard.press('0');
    await eventually(chosen).toBe(0);
    expect(calls('rate')).toEqual([2, 0, 5, 0].map((rating) => `rate {"ids":[4],"rating":${rating}}`));
    pages.engine.rate = () => Promise.reject(new Error('The library is full.'));
    await page.keyboard.press('3');
    await panel.getByRole('alert').waitFor();
    expect(await chosen()).toBe(0);
  });

  test('tags are added, several at once, and removed', async () => {
    const page = await open();
    await page.getByRole('option').nth(3).click();
    const tags = page.getByRole('region', { name: 'Tags' });
    await tags.getByLabel('Add a tag').fill(' beach, summer 2024 ,');
    await page.keyboard.press('Enter');
    await tags.getByText('summer 2024').waitFor();
    await eventually(() => tags.locator('datalist option').count()).toBe(1);
    await tags.getByRole('button', { name: 'Remove the tag beach' }).click();
    await tags.getByText('beach').waitFor({ state: 'detached' });
    expect(calls('tag')).toEqual([
      'tag {"ids":[4],"add":["beach","summer 2024"],"remove":[]}',
      'tag {"ids":[4],"add":[],"remove":["beach"]}',
    ]);
  });

  test('a similar photo opens', async () => {
    const page = await open();
    await page.getByRole('option').nth(3).click();
    const similar = page.getByRole('region', { name: 'Similar photos' });
    expect(await similar.getByRole('button', { name: 'IMG_1004' }).count()).toBe(0);
    await similar.getByRole('button', { name: 'IMG_1002' }).click();
    await page.getByRole('complementary', { name: 'Photo: IMG_1002.jpg' }).waitFor();
  });

  test('labels are compared by both kinds of model, in a table', async () => {
    const page = await open();
    await page.getByRole('option').nth(3).click();
    await page.getByText('Compare labels', { exact: true }).first().click();
    await page.getByLabel('Which of these fits the photo?').fill('a dog, a cat，a dog');
    await page.keyboard.press('Enter');
    const table = page.getByRole('table', { name: 'Compare labels' });
    await table.getByRole('row', { name: 'a dog 75% 40%' }).waitFor();
    await table.getByRole('row', { name: 'a cat 25% 60%' }).waitFor();
    await table.getByRole('columnheader', { name: 'By likeness Iris starter' }).waitFor();
    expect(calls('classify')).toEqual(['classify {"photo":{"id":4},"labels":["a dog","a cat"]}']);
    await expectAccessible(page);
  });

  test('a map drawn here, coordinates to copy, and a link that asks nobody until it is followed', async () => {
    const page = await open({}, { permissions: ['clipboard-read', 'clipboard-write'] });
    await page.getByRole('option').nth(3).click();
    await page.getByText('Details').click();
    await page.getByRole('img', { name: 'Map of the world with a pin at 48.85840° N, 2.29450° E' }).waitFor();
    await page.getByRole('button', { name: 'Show the surroundings' }).click();
    await page.getByRole('button', { name: 'Copy the coordinates' }).click();
    await eventually(() => page.evaluate('navigator.clipboard.readText()')).toBe('48.858400, 2.294500');
    const link = page.getByRole('link', { name: 'Open in OpenStreetMap' });
    await eventually(() => link.getAttribute('rel')).toBe('noopener noreferrer');
    await eventually(() => link.getAttribute('target')).toBe('_blank');
    await page.getByText('that leaves this computer').waitFor();
  });

  test('an earlier caption becomes a person’s own again', async () => {
    const page = await open();
    await page.getByRole('option').nth(3).click();
    const panel = page.getByRole('complementary');
    await panel.getByRole('button', { name: 'Describe again' }).click();
    await panel.getByText('1 earlier caption').click();
    await panel.locator('li.model', { hasText: 'Iris thinks' }).waitFor();
    await panel.getByRole('button', { name: 'Restore as yours' }).click();
    await panel.locator('blockquote.own', { hasText: 'A bicycle under a red umbrella.' }).waitFor();
    await panel.locator('blockquote.thought', { hasText: 'dog at rest' }).waitFor();
  });

  test('an earlier question is asked anew; what followed goes', async () => {
    const page = await open({ wordMs: 0 });
    await page.getByRole('option').nth(3).click();
    for (const question of ['First?', 'Second?']) {
      await page.getByLabel('Ask about this photo').fill(question);
      await page.keyboard.press('Enter');
      await page.getByText(question).waitFor();
      await page.getByRole('button', { name: 'Try again' }).waitFor();
    }
    await page.getByRole('button', { name: 'Change this question' }).first().click();
    await page.getByText('What came after this question goes away.').waitFor();
    await page.getByLabel('Your question').fill('Another?');
    await page.keyboard.press('Enter');
    await page.locator('.asked', { hasText: 'Another?' }).waitFor();
    await eventually(() => page.getByText(answered).count()).toBe(1);
    expect(await page.getByText('Second?').count()).toBe(0);
    expect(calls('chat').at(-1)).toBe('chat {"photo":{"id":4},"text":"Another?","edit":0}');
    expect((await pages.engine.photo({ id: 4 })).chat.map((message) => message.text)).toHaveLength(2);
  });

  test('questions fit the photo; an answer’s marks are drawn, its links are not', async () => {
    const hostile = ['A dog: **brown**, [here](https://evil.test/)\n- one\n- two'];
    const page = await open({ hostile, wordMs: 0 });
    await page.getByRole('option').nth(3).click();
    await page.getByRole('button', { name: 'What is the animal doing?' }).click();
    const answer = page.locator('.answer');
    await answer.locator('strong', { hasText: 'brown' }).waitFor();
    await eventually(() => answer.getByRole('listitem').allInnerTexts()).toEqual(['one', 'two']);
    await answer.getByText('[here](https://evil.test/)').waitFor();
    expect(await answer.getByRole('link').count()).toBe(0);
  });

  test('without a model nothing is offered that could not be done', async () => {
    const engine = fakeEngine();
    const status = await engine.status({});
    const none = { search: null, caption: null, chat: null };
    engine.status = () => Promise.resolve({ ...status, models: none });
    engine.models = () => Promise.resolve([]);
    const page = await pages.show(engine);
    await page.getByRole('option').nth(3).click();
    await page.getByText('There is no model here that can answer.').waitFor();
    await eventually(() => page.getByRole('button', { name: 'Describe again' }).isDisabled()).toBe(true);
    expect(await page.getByLabel('Ask about this photo').count()).toBe(0);
  });
});
