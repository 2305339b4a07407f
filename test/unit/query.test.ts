import { describe, expect, it } from 'vitest';
import { operatorsOf, parseQuery } from '../../src/shared/query.ts';

describe('parseQuery', () => {
  it.each([
    ['a dog in the snow', 'a dog in the snow', [], []],
    ['  a   dog ', 'a dog', [], []],
    ['"red umbrella"', 'red umbrella', ['red umbrella'], []],
    ['child "red umbrella" rain', 'child red umbrella rain', ['red umbrella'], []],
    ['"one" "two words"', 'one two words', ['one', 'two words'], []],
    ['beach -people', 'beach', [], ['people']],
    ['-people', '', [], ['people']],
    ['beach -"black dog" -cat', 'beach', [], ['black dog', 'cat']],
    ['海 -人', '海', [], ['人']],
    ['"sunset" -sea', 'sunset', ['sunset'], ['sea']],
  ])('reads %s', (query, text, phrases, without) => {
    expect(parseQuery(query)).toEqual({ text, phrases, without });
  });

  it.each([
    '"',
    'a "b',
    'a well-known face',
    '2019-07-04',
    '10 - 3',
    '--',
    '--help',
    '-',
    '""',
    '"?"',
    'a"b"c',
    '-"',
  ])('takes %s as text', (query) => {
    expect(parseQuery(query)).toEqual({ text: query, phrases: [], without: [] });
  });

  it('reads a long hostile query in no time', () => {
    const before = performance.now();
    for (const part of ['"', '-', '"a', '-a ', ' "', '-"'])
      parseQuery(part.repeat(Math.floor(20_000 / part.length)));
    expect(performance.now() - before).toBeLessThan(2000);
  });

  it('names its operators as they stand', () => {
    expect(operatorsOf('a dog -snow "red umbrella" -"at night" well-known')).toEqual([
      { raw: '-snow', words: 'snow', leavesOut: true },
      { raw: '"red umbrella"', words: 'red umbrella', leavesOut: false },
      { raw: '-"at night"', words: 'at night', leavesOut: true },
    ]);
  });
});
