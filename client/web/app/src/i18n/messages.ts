import { computed, type ReadonlySignal } from '@preact/signals';
import { language } from './language.js';

/** What a translation of `T` has to have: the same names, with texts for texts and functions of the same arguments. */
export type Translated<T> = {
  readonly [K in keyof T]: T[K] extends string
    ? string
    : T[K] extends (...args: infer A) => string
      ? (...args: A) => string
      : Translated<T[K]>;
};

/**
 * The texts of one part of the app in every language. They live beside what shows them, so that a part that is loaded later
 * brings its own. A missing or superfluous key is a type error.
 */
export function defineMessages<T>(en: T, ko: Translated<NoInfer<T>>): ReadonlySignal<Translated<T>> {
  return computed(() => (language.value === 'ko' ? ko : (en as Translated<T>)));
}
