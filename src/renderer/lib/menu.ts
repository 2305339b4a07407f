/** One line of a menu. */
import type { Component } from 'svelte';

export interface Entry {
  label: string;
  icon: Component;
  key?: string;
  disabled?: boolean;
  act: () => void;
}
