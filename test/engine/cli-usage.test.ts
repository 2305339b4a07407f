/** The command line for people: help, wrong usage, and what happens where there is nothing yet. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { iris, jsonLines } from './cli.ts';
import { scratch } from './helpers.ts';

const commands = [
  'index',
  'search',
  'caption',
  'ask',
  'classify',
  'chat',
  'export',
  'judge',
  'models',
  'doctor',
  'serve',
  'start',
];

describe('iris', { timeout: 240_000 }, () => {
  const folder = scratch();
  const library = path.join(folder, 'library');

  it('explains every command, with the options they all have', async () => {
    const general = await iris(['--help']);
    expect(general.code).toBe(0);
    for (const command of commands) expect(general.stdout).toContain(`\n  ${command} `);
    const pages = await Promise.all(commands.map((command) => iris([command, '--help'])));
    pages.forEach((page, i) => {
      expect(page).toMatchObject({ code: 0, stderr: '' });
      expect(page.stdout).toContain(`Usage: iris ${commands[i] ?? ''}`);
      expect(page.stdout).toContain('--library <dir>');
      expect(page.stdout).toContain('--json');
    });
    expect(existsSync(library)).toBe(false);
  });

  it.each([
    ['no command', []],
    ['an unknown command', ['indexx']],
    ['an unknown option', ['search', 'cat', '--colour']],
    ['no folder', ['index']],
    ['no query', ['search']],
    ['a limit of zero', ['search', 'cat', '--limit', '0']],
    ['a limit in words', ['search', 'cat', '--limit', 'ten']],
    ['no question', ['ask', 'photo.jpg']],
    ['no file', ['caption']],
    ['no label', ['classify', 'photo.jpg']],
    ['a template without its place', ['classify', 'photo.jpg', 'cat', '--template', 'a photo']],
    ['no format', ['export']],
    ['an unknown role', ['models', 'use', 'paint', 'iris-starter']],
    ['an unknown verdict', ['judge', 'cat', 'perhaps', 'photo.jpg']],
    ['an unknown format', ['export', '--format', 'pdf']],
  ])('ends with 2 for %s, says why on standard error, and prints nothing', async (_, args) => {
    const ran = await iris(['--library', library, '--json', ...args]);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).not.toBe('');
    expect(ran.stderr).not.toMatch(/\n\s+at /); // no stack
  });

  it.each([
    ['a folder that is not there', ['index', '/no/such/folder'], 1, '/no/such/folder'],
    ['a photo that is not there', ['caption', '/no/such/photo.jpg'], 1, '/no/such/photo.jpg'],
    ['a photo to classify that is not there', ['classify', '/no/such/photo.jpg', 'cat'], 1, '/no/such/photo'],
    ['a chat about no file', ['chat', '/no/such/photo.jpg'], 1, '/no/such/photo.jpg'],
  ])('names %s and ends with 1', async (_, args, code, named) => {
    const ran = await iris(['--library', library, '--json', ...args], { stdin: 'what is this?\n' });
    expect(ran).toMatchObject({ code, stdout: '' });
    expect(ran.stderr).toContain(named);
    expect(ran.stderr).not.toMatch(/\n\s+at /);
  });

  it('finds nothing where nothing was indexed, and says how to begin', async () => {
    const ran = await iris(['--library', path.join(folder, 'none'), '--json', 'search', 'cat']);
    expect(ran.code).toBe(0);
    expect(jsonLines(ran)).toEqual([[]]);
    expect(ran.stderr).toMatch(/iris index FOLDER/);
    expect(existsSync(path.join(folder, 'none'))).toBe(false);
  });

  it('takes the key of a server from standard input and shows it to nobody', async () => {
    const place = path.join(folder, 'locked');
    const connect = ['--library', place, '--json', 'models', 'connect', 'http://127.0.0.1:9/v1', 'llava'];
    const ran = await iris([...connect, '--key'], { stdin: 'sk-0123-secret\n' });
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stdout + ran.stderr).not.toContain('sk-0123');
    const [{ id }] = jsonLines(ran) as [{ id: string }];
    expect(await readFile(path.join(place, 'models', id, 'key'), 'utf8')).toBe('sk-0123-secret\n');
    const wrong = await iris([...connect, '--key'], { stdin: 'two words\n' });
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toMatch(/connectModel\.key: expected a key without blanks/);
    expect(wrong.stderr).not.toContain('two words');
  });

  it('keeps the library where the system keeps such things', async () => {
    const { stdout } = await iris(['--help'], { env: { XDG_DATA_HOME: path.join(folder, 'data') } });
    expect(stdout.replaceAll(/\s+/g, '')).toContain(path.join(folder, 'data', 'iris'));
  });
});
