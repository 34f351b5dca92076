/** What our checks read in Markdown: links, headings and code blocks, with their lines. */
export interface Link {
  readonly target: string
  readonly line: number
}
export interface CodeBlock {
  /** The whole info string: `ts`, `sh`, … */
  readonly info: string
  readonly text: string
  /** Line of the opening fence. */
  readonly line: number
  /** The HTML comment on the line above the fence, if there is one: how a page tells a check about a block. */
  readonly note: string | undefined
}
export interface Page {
  readonly links: ReadonlyArray<Link>
  /** Anchors as GitHub makes them from headings. */
  readonly anchors: ReadonlyArray<string>
  readonly blocks: ReadonlyArray<CodeBlock>
}
export declare const readPage: (markdown: string) => Page
// # sourceMappingURL=Markdown.d.ts.map
