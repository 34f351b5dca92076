/**
 * The pages of the site: which Markdown files of the repository they are, where each stands on the site, and the order in which a reader finds them.
 *
 * A page that no section names is found under "More": nothing that is written is left out. Changelogs, changesets and what lies beside tests are no pages.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

export const root = Path.resolve(import.meta.dirname, "../..")

export interface SitePage {
  /** Of the file, from the root of the repository. */
  readonly file: string
  /** Of the page, from the root of the site: `docs/start/shell.html`. */
  readonly route: string
  readonly title: string
  /** Its first sentence. */
  readonly about: string
}

export interface Section {
  readonly title: string
  readonly pages: ReadonlyArray<SitePage>
}

const patterns = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/**/*.md", "{packages,apps}/*/README.md"]

const order: ReadonlyArray<readonly [title: string, files: ReadonlyArray<string>]> = [
  ["Start", [
    "README.md",
    "docs/start/README.md",
    "docs/start/effect.md",
    "docs/start/plain-typescript.md",
    "docs/start/server.md",
    "docs/start/shell.md",
    "docs/start/own-protocol.md"
  ]],
  ["Guides", ["docs/guides/*.md"]],
  ["When something is wrong", ["docs/faq.md", "docs/errors/README.md", "docs/recordings.md", "docs/faults.md"]],
  ["Deciding", [
    "docs/migration.md",
    "docs/effect-ai.md",
    "docs/performance.md",
    "docs/scorecard.md",
    "docs/support.md",
    "docs/platforms.md",
    "docs/containers.md",
    "docs/sdk-lines.md",
    "docs/semver.md"
  ]],
  ["Operating", [
    "docs/security.md",
    "docs/dashboard.md",
    "docs/metrics.md",
    "docs/observability.md",
    "docs/replicas.md",
    "docs/postgres.md"
  ]],
  ["Reference", ["docs/config.md", "docs/cli-json.md", "apps/*/README.md", "packages/*/README.md"]],
  ["The house", ["docs/architecture.md", "CONTRIBUTING.md", "SECURITY.md"]],
  ["More", ["docs/**/*.md"]],
  ["Errors", ["docs/errors/*.md"]]
]

const isPage = (file: string): boolean => !file.includes("node_modules") && !file.endsWith("CHANGELOG.md")

const globbed = (pattern: string): ReadonlyArray<string> =>
  Fs.globSync(pattern, { cwd: root }).filter(isPage).toSorted()

/** `README.md` stands for its folder, as on a forge. */
export const routeOf = (file: string): string =>
  file.replace(/(^|\/)README\.md$/, "$1index.md").replace(/\.md$/, ".html")

export const textOf = (file: string): string => Fs.readFileSync(Path.join(root, file), "utf8")

/** The text of a line of Markdown, without its links and emphasis. */
const plain = (markdown: string): string => markdown.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll(/[`*]/g, "")

const pageOf = (file: string): SitePage => {
  const text = textOf(file)
  const title = /^# (.+)$/m.exec(text)?.[1]
  if (title === undefined) throw new Error(`${file} has no title`)
  const paragraph = text.slice(text.indexOf(title) + title.length).split(/\n{2,}/).map((part) => part.trim())
    .find((part) => /^[\p{L}`[*"]/u.test(part)) ?? ""
  const about = /^[^]*?[.:](?=\s|$)/.exec(plain(paragraph).replaceAll("\n", " "))?.[0] ?? plain(paragraph)
  return { file, route: routeOf(file), title: plain(title), about: about.replace(/:$/, ".") }
}

/** Every page once, in the first section that names it. */
export const sections = (): ReadonlyArray<Section> => {
  const taken = new Set<string>()
  const take = (files: ReadonlyArray<string>): ReadonlyArray<SitePage> =>
    files.filter((file) => !taken.has(file)).map((file) => {
      taken.add(file)
      return pageOf(file)
    })
  const errors = globbed("docs/errors/*.md").filter((file) => !file.endsWith("README.md"))
  return order.map(([title, wanted]) => {
    const files = wanted.flatMap(globbed)
    return { title, pages: take(title === "Errors" ? errors : files.filter((file) => !errors.includes(file))) }
  }).filter(({ pages }) => pages.length > 0)
}

/** The files of all pages. */
export const pageFiles = (): ReadonlyArray<string> => [...new Set(patterns.flatMap(globbed))]

/** Where the generator finds the pages: beside its libraries, and each under the name of its place on the site. */
export const staged = Path.join(import.meta.dirname, ".tmp/pages")

export const stage = (): void => {
  Fs.rmSync(staged, { recursive: true, force: true })
  for (const file of pageFiles()) {
    const place = Path.join(staged, routeOf(file).replace(/\.html$/, ".md"))
    Fs.mkdirSync(Path.dirname(place), { recursive: true })
    Fs.copyFileSync(Path.join(root, file), place)
  }
  // The dashboard's picture and others, for pages and for their Markdown.
  Fs.cpSync(Path.join(root, "docs/images"), Path.join(staged, "docs/images"), { recursive: true })
}

/** Where the repository can be read by everyone else, if the packages say so: `https://…/holdfast`. */
export const repository = (): string | undefined => {
  const { repository }: { readonly repository?: { readonly url?: string } | string } = JSON.parse(
    textOf("packages/core/package.json")
  )
  const url = typeof repository === "string" ? repository : repository?.url
  return url?.replace(/^git\+/, "").replace(/\.git$/, "")
}
