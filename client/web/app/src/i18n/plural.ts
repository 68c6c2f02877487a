const englishRules = new Intl.PluralRules('en');

/** The English form that goes with `count`. Korean has only one. */
export function plural(count: number, forms: { readonly one: string; readonly other: string }): string {
  return englishRules.select(count) === 'one' ? forms.one : forms.other;
}
