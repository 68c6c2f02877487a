/** What is within the `svg` element of an icon's file; `vite.config.ts` makes it. */
declare module '*.svg?shapes' {
  const shapes: string;
  export default shapes;
}
