import { expect, test } from 'vitest';
import { linkify } from '../src/lib/linkify.js';

const hrefs = (text: string) => linkify(text).flatMap(({ href }) => href ?? []);

test('the pieces together are the text', () => {
  const text = 'See https://a.example/x, or www.b.example. (And https://c.example/(d))';
  expect(
    linkify(text)
      .map((segment) => segment.text)
      .join(''),
  ).toBe(text);
});

test.each([
  ['https://a.example', ['https://a.example/']],
  ['HTTPS://A.example/Path?q=1#f', ['https://a.example/Path?q=1#f']],
  ['www.a.example/x', ['https://www.a.example/x']],
  ['http://localhost:8443/r/tea', ['http://localhost:8443/r/tea']],
  ['end of sentence https://a.example/x.', ['https://a.example/x']],
  ['(https://a.example/x)', ['https://a.example/x']],
  ['https://a.example/wiki/Tea_(drink)', ['https://a.example/wiki/Tea_(drink)']],
  ['https://a.example/x, https://b.example/y', ['https://a.example/x', 'https://b.example/y']],
  ['주소는 https://a.example/모임 입니다', ['https://a.example/%EB%AA%A8%EC%9E%84']],
])('links in %j', (text, expected) => {
  expect(hrefs(text)).toEqual(expected);
});

test.each([
  'javascript:alert(1)',
  'JaVaScRiPt:alert(1)//https',
  'data:text/html,<script>alert(1)</script>',
  'vbscript:msgbox(1)',
  'file:///etc/passwd',
  'xhttps://a.example',
  'https://',
  'https://user:secret@a.example/',
  'https://bank.example@evil.example/',
  'http://nodots/',
  'no links here',
])('no link in %j', (text) => {
  expect(hrefs(text)).toEqual([]);
});

test.each([
  'https://a.example/"onmouseover="alert(1)',
  "https://a.example/'onmouseover='alert(1)",
  'https://a.example/<img src=x onerror=alert(1)>',
  'https://a.example/`+alert(1)+`',
])('a link ends before what could close an attribute or open markup: %j', (text) => {
  for (const href of hrefs(text)) expect(href).not.toMatch(/["'<>`\s]/);
});

test('a line made to be slow is not', () => {
  for (const tail of [')', '!', '!)']) {
    const line = `https://example.org${tail.repeat(4000)}`;
    for (let count = 0; count < 100; count += 1) {
      expect(linkify(`${line}x`)).toHaveLength(1);
      expect(linkify(line)[0]?.text).toBe('https://example.org');
    }
  }
});
