/**
 * The site for language models: `llms.txt`, which says what each page is about, `llms-full.txt`, which is all pages but those of single errors, and the Markdown of each page
 * beside it, under the same name with `.md`.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { root, type Section, sections, type SitePage, textOf } from "./Pages.ts"

const sourceOf = ({ route }: SitePage): string => route.replace(/\.html$/, ".md")

const line = (page: SitePage): string => `- [${page.title}](${sourceOf(page)}): ${page.about}`

const listed = (all: ReadonlyArray<Section>): string => {
  const home = all.flatMap(({ pages }) => pages).find(({ file }) => file === "README.md")
  return [
    `# ${home?.title ?? ""}`,
    `> ${home?.about ?? ""}`,
    "The links lead to Markdown. [All of it but the pages of single errors, in one file](llms-full.txt). The API reference is made of the sources: [api](api/index.html).",
    ...all.map(({ pages, title }) => `## ${title}\n\n${pages.map(line).join("\n")}`)
  ].join("\n\n") + "\n"
}

export const write = (folder: string): void => {
  const all = sections()
  for (const page of all.flatMap(({ pages }) => pages)) {
    const file = Path.join(folder, sourceOf(page))
    Fs.mkdirSync(Path.dirname(file), { recursive: true })
    Fs.writeFileSync(file, textOf(page.file))
  }
  Fs.cpSync(Path.join(root, "docs/images"), Path.join(folder, "docs/images"), { recursive: true })
  Fs.writeFileSync(Path.join(folder, "llms.txt"), listed(all))
  const full = all.filter(({ title }) => title !== "Errors").flatMap(({ pages }) => pages)
    .map((page) => `<!-- ${sourceOf(page)} -->\n\n${textOf(page.file).trim()}\n`)
  Fs.writeFileSync(Path.join(folder, "llms-full.txt"), full.join("\n"))
}
