/**
 * Links of a made site that lead nowhere, and what a page would fetch from elsewhere. All HTML counts, that of the API reference too: each `href` and `src` of this site must
 * be a file of it, and each anchor the id of an element there.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

const unescaped = (text: string): string =>
  text.replaceAll("&amp;", "&").replaceAll("&quot;", "\"").replaceAll("&#39;", "'").replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")

interface Html {
  readonly ids: ReadonlySet<string>
  /** Targets, and whether the page fetches them by itself. */
  readonly targets: ReadonlyArray<{ readonly target: string; readonly isFetched: boolean }>
}

const tag = /<(\w[\w-]*)((?:\s+[^\s=>"']+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>]+))?)*)\s*\/?>/g
const attribute = /([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))/g

const read = (html: string): Html => {
  const ids = new Set<string>()
  const targets: Array<{ target: string; isFetched: boolean }> = []
  // What scripts hold is no link.
  for (
    const [, name = "", attributes = ""] of html.replaceAll(/(<script\b[^>]*>)[^]*?<\/script>/g, "$1").matchAll(tag)
  ) {
    for (const [, key = "", double, single, bare] of attributes.matchAll(attribute)) {
      const value = unescaped(double ?? single ?? bare ?? "")
      if (key === "id" || (key === "name" && name === "a")) ids.add(value)
      if (key === "href" && name === "a") targets.push({ target: value, isFetched: false })
      else if (key === "src" || (key === "href" && name === "link")) targets.push({ target: value, isFetched: true })
    }
  }
  return { ids, targets }
}

/** One line for each fault: the page, and what is wrong with which link. */
export const deadLinks = (
  folder: string
): { readonly pages: number; readonly links: number; readonly faults: ReadonlyArray<string> } => {
  const files = Fs.globSync("**/*.html", { cwd: folder })
  const pages = new Map(files.map((file) => [file, read(Fs.readFileSync(Path.join(folder, file), "utf8"))]))
  const there = new Map<string, boolean>()
  const isThere = (file: string): boolean => {
    const known = there.get(file) ?? Fs.statSync(Path.join(folder, file), { throwIfNoEntry: false })?.isFile() === true
    there.set(file, known)
    return known
  }
  const faults: Array<string> = []
  let links = 0
  for (const [file, { targets }] of pages) {
    for (const { isFetched, target } of targets) {
      if (/^(?:[a-z][a-z+.-]*:|\/\/)/i.test(target)) {
        if (isFetched && !target.startsWith("data:")) faults.push(`${file}: fetches ${target}`)
        continue
      }
      links++
      const [path = "", anchor = ""] = target.split("#")
      const said = decodeURIComponent(path.split("?")[0] ?? "")
      const beside = said.startsWith("/") ? said.slice(1) : Path.posix.join(Path.posix.dirname(file), said)
      const place = said === ""
        ? file
        : /(^|\/)$/.test(beside) || beside === "."
        ? Path.posix.join(beside, "index.html")
        : beside
      if (!isThere(place)) faults.push(`${file}: ${target} leads nowhere`)
      else if (anchor !== "" && pages.get(place)?.ids.has(decodeURIComponent(anchor)) !== true) {
        faults.push(`${file}: ${target} names no element of ${place}`)
      }
    }
  }
  return { pages: files.length, links, faults }
}
