/** Chinese put into English word by word, with the dictionary that ships. */
import { describe, expect, test } from 'vitest';
import { englishOf, glossary, isChinese, questionInEnglish } from '../../src/main/lib/gloss.ts';

describe('gloss', () => {
  test.each([
    ['雪地里的狗', 'dog'],
    ['穿红外套的女孩', 'wearing red coat girl'],
    ['紅色的汽車', 'red car'],
    ['一只黑狗', 'a black dog'],
    ['一群孩子', 'a group of child'],
    ['另一个男人', 'another a man'],
    ['三个人在海滩上', 'three person beach on'],
    ['鸟', 'bird'],
    ['球', 'ball'],
  ])('%s', async (chinese, english) => {
    expect(await englishOf(chinese)).toContain(english);
  });

  test.each([
    ['这是什么动物？', 'what animal is this?'],
    ['照片里有几个人？', 'how many person are there?'],
    ['图中有多少只狗', 'how many dog are there?'],
    ['猫在做什么？', 'what is the cat doing?'],
    ['那个男人在干什么呢', 'what is that man doing?'],
    ['狗是什么颜色的？', 'what color is the dog?'],
    ['这是什么颜色？', 'what color is this?'],
    ['图片里有没有树？', 'is there a tree?'],
    ['车在哪里', 'where is the car?'],
    ['红色的汽车？', 'red car?'],
  ])('the question %s', async (chinese, english) => {
    expect(await questionInEnglish(chinese)).toBe(english);
  });

  test('leaves alone what is not Chinese, and keeps it beside what is', async () => {
    expect(await englishOf('a dog in the snow')).toBeUndefined();
    expect(await englishOf('ein Hund')).toBeUndefined();
    expect(isChinese('犬 dog')).toBe(true);
    expect(isChinese('赤い傘の子供')).toBe(false);
    expect(await englishOf('sunset 海滩')).toBe('sunset beach');
  });

  test('ends with nothing where nothing is known, at any length', async () => {
    const words = await glossary();
    expect(words.gloss('')).toBe('');
    expect(words.gloss('的了着')).toBe('');
    expect(words.gloss('𪚥')).toBe('');
    expect(words.gloss('狗，'.repeat(20_000)).match(/dog/g)).toHaveLength(20_000);
    expect(words.gloss('狗追猫'.repeat(5000)).split(' ')).toHaveLength(15_000);
  });
});
