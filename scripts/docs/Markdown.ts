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

export const readPage = (markdown: string): Page => {
  const links: Array<Link> = []
  const anchors: Array<string> = []
  const blocks: Array<CodeBlock> = []
  let open:
    | { readonly fence: string; readonly info: string; readonly line: number; readonly note: string | undefined }
    | undefined
  let body: Array<string> = []
  let previous = ""
  for (const [index, text] of markdown.split("\n").entries()) {
    const line = index + 1
    const fence = /^\s*(`{3,}|~{3,})(.*)$/.exec(text)
    if (open !== undefined) {
      if (fence?.[1]?.startsWith(open.fence) === true && fence[2]?.trim() === "") {
        blocks.push({ info: open.info, text: body.join("\n"), line: open.line, note: open.note })
        open = undefined
        body = []
      } else {
        body.push(text)
      }
    } else if (fence !== null) {
      open = {
        fence: fence[1] ?? "",
        info: fence[2]?.trim() ?? "",
        line,
        note: /^<!--\s*(.*?)\s*-->$/.exec(previous.trim())?.[1]
      }
    } else {
      const heading = /^#{1,6}\s+(.*)$/.exec(text)
      if (heading?.[1] !== undefined) anchors.push(anchorOf(heading[1]))
      for (const match of text.replaceAll(/`[^`]*`/g, "").matchAll(/\]\(<?([^)\s>]+)>?[^)]*\)/g)) {
        if (match[1] !== undefined) links.push({ target: match[1], line })
      }
    }
    if (text.trim() !== "") previous = text
  }
  return { links, anchors, blocks }
}

const anchorOf = (heading: string): string =>
  heading.toLowerCase().replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").trim()
    .replaceAll(/\s/g, "-")
