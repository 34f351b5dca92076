/**
 * What a page of the repository needs to be one of the site, without a word of it being written for the site:
 *
 * - links between files become links between pages; a link to a file that is no page leads to the forge, and is plain text as long as there is none;
 * - headings have the anchors that a forge gives them;
 * - diagrams (`mermaid`) are drawn while the site is made;
 * - tables scroll by themselves where the screen is narrow, and can be reached by a keyboard;
 * - a mark of a test above a block (`<!-- … -->`) stays unseen.
 */
import { renderMermaidSVG } from "beautiful-mermaid"
import * as Fs from "node:fs"
import * as Path from "node:path"
import type { MarkdownRenderer } from "vitepress"
import { repository, root, routeOf, staged } from "./Pages.ts"

type Token = ReturnType<MarkdownRenderer["parse"]>[number]

export const install = (markdown: MarkdownRenderer, files: ReadonlyArray<string>): void => {
  const pages = new Set(files)
  const fileOf = new Map(files.map((file) => [Path.join(staged, routeOf(file).replace(/\.html$/, ".md")), file]))
  markdown.core.ruler.push("site-links", ({ env, tokens }) => {
    // The environment that VitePress gives to a page has the path of its file. What is no page are texts of the generator itself.
    const file = fileOf.get(String((env as { readonly path?: string }).path)) ?? "README.md"
    for (const { children } of tokens) if (children !== null) lead(children, file, pages)
  })
  const fence = markdown.renderer.rules.fence
  markdown.renderer.rules.fence = (tokens, index, options, env, self) => {
    const token = tokens[index]
    if (token?.info.trim() === "mermaid") return drawn(token.content)
    return fence?.(tokens, index, options, env, self) ?? self.renderToken(tokens, index, options)
  }
  // Pages are templates to the generator. Two braces are text to their readers.
  for (const name of ["text", "code_inline"] as const) {
    const rule = markdown.renderer.rules[name]
    markdown.renderer.rules[name] = (tokens, index, options, env, self) =>
      (rule?.(tokens, index, options, env, self) ?? "").replaceAll("{{", "&#123;&#123;")
  }
  markdown.renderer.rules.table_open = () => `<div class="table" tabindex="0">\n<table>\n`
  markdown.renderer.rules.table_close = () => "</table>\n</div>\n"
}

/** The tokens of a line, with links that lead somewhere on the site. */
const lead = (tokens: ReadonlyArray<Token>, file: string, pages: ReadonlySet<string>): void => {
  let isPlain = false
  for (const token of tokens) {
    if (token.type === "link_open") {
      const place = placeOf(token.attrGet("href") ?? "", file, pages)
      isPlain = place === undefined
      if (place !== undefined) token.attrSet("href", place)
    }
    if (isPlain && (token.type === "link_open" || token.type === "link_close")) {
      Object.assign(token, { type: "text", content: "" })
    }
  }
}

/** Where a link of a file leads on the site. `undefined`: to a file that only a forge shows, and no forge is known. */
const placeOf = (target: string, file: string, pages: ReadonlySet<string>): string | undefined => {
  if (/^[a-z][a-z+.-]*:/i.test(target) || target.startsWith("#")) return target
  const [path = "", anchor] = target.split("#")
  const found = Path.posix.normalize(Path.posix.join(Path.posix.dirname(file), decodeURIComponent(path))).replace(
    /\/$/,
    ""
  )
  const suffix = anchor === undefined ? "" : `#${anchor}`
  const page = pages.has(found) ? found : pages.has(`${found}/README.md`) ? `${found}/README.md` : undefined
  if (page !== undefined) return `/${routeOf(page)}${suffix}`
  const forge = repository()
  if (forge === undefined) return undefined
  const isFolder = Fs.statSync(Path.join(root, found), { throwIfNoEntry: false })?.isDirectory() === true
  return `${forge}/${isFolder ? "tree" : "blob"}/main/${found}${suffix}`
}

/** A diagram in the colours of the page, light or dark. */
const drawn = (source: string): string => {
  const svg = renderMermaidSVG(source, { bg: "var(--vp-c-bg)", fg: "var(--vp-c-text-1)", transparent: true })
    // Fonts are the page's: nothing is fetched.
    .replace(/@import url\([^)]*\);?/, "").replaceAll("'Inter', ", "")
    .replace(/<svg /, `<svg role="img" aria-label="Diagram" `)
    // Vue has no styles in a template, but this.
    .replaceAll("<style>", `<component :is="'style'">`).replaceAll("</style>", "</component>")
  return `<div class="diagram" tabindex="0">${svg.replaceAll(/\n\s*\n/g, "\n")}</div>\n`
}

/** The anchor of a heading, as a forge makes it. What comes twice is numbered. */
export const slugify = (heading: string): string =>
  heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").trim().replaceAll(/\s/g, "-")
