/** Where the window was: read from a file that anyone may have damaged, and put where a screen shows it. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface WindowState {
  /** Without a place the system chooses one. */
  bounds: { width: number; height: number; x?: number; y?: number };
  maximized: boolean;
}

const smallest = { width: 480, height: 400 };
const usual = { width: 1280, height: 840 };
/** So much of the window's upper edge must be on a screen, to be seen and pulled. */
const handle = { width: 120, height: 40 };

const pixels = z.int().min(-100_000).max(100_000);
const saved = z.object({
  bounds: z.object({ x: pixels, y: pixels, width: pixels, height: pixels }),
  maximized: z.boolean(),
});

/** The state to open with, from what was saved and the screens there are now (their work areas, first the main one). */
export function windowState(given: unknown, screens: readonly Area[]): WindowState {
  const parsed = saved.safeParse(given);
  if (!parsed.success) return { bounds: fitted(usual, screens[0]), maximized: false };
  const { bounds, maximized } = parsed.data;
  const screen = screens.find((area) => shows(area, bounds));
  if (!screen) return { bounds: fitted(bounds, screens[0]), maximized };
  return { bounds: { ...fitted(bounds, screen), x: bounds.x, y: bounds.y }, maximized };
}

/** A size that is neither too small to use nor larger than the screen. */
function fitted({ width, height }: { width: number; height: number }, screen?: Area): WindowState['bounds'] {
  return {
    width: Math.max(smallest.width, Math.min(width, screen?.width ?? usual.width)),
    height: Math.max(smallest.height, Math.min(height, screen?.height ?? usual.height)),
  };
}

function shows(screen: Area, { x, y, width }: Area): boolean {
  const across = Math.min(x + width, screen.x + screen.width) - Math.max(x, screen.x);
  return across >= handle.width && y >= screen.y && y + handle.height <= screen.y + screen.height;
}

/** What the file says, or undefined where it cannot be read. */
export function readState(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Written in one piece, at once: this is called while the window closes. */
export function writeState(file: string, state: { bounds: Area; maximized: boolean }): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.part`, JSON.stringify(state));
  renameSync(`${file}.part`, file);
}
