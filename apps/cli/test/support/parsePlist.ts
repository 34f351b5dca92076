/** A property list as Apple's document type has it: what is not of it is an error. */

type Value = string | number | boolean | ReadonlyArray<Value> | { readonly [key: string]: Value }

/** The dictionary at its root. */
export const parsePlist = (text: string): Readonly<Record<string, Value>> => {
  const withoutHead = text.replace(/^<\?xml[^>]*\?>\s*<!DOCTYPE plist [^>]*>\s*/, "").replace(
    /<!--(?:(?!--)[^])*-->/g,
    ""
  ).trim()
  const tokens = [...withoutHead.matchAll(/\s*(?:<(\/?)(\w+)(?: [^>]*?)?(\/?)>|([^<]+))/gy)]
  if (tokens.map(([token]) => token).join("") !== withoutHead) {
    throw new Error("there is more than tags and texts")
  }
  let at = 0
  const tag = (expected: string): void => {
    const [token = "the end"] = tokens[at++] ?? []
    if (token.trim().replace(/ .*>$/, ">") !== expected) throw new Error(`${expected} is expected, not ${token.trim()}`)
  }
  const content = (name: string): string => {
    tag(`<${name}>`)
    const text = tokens[at]?.[4] === undefined ? "" : tokens[at++]?.[4] ?? ""
    tag(`</${name}>`)
    return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&")
  }
  const next = (): string => (tokens[at]?.[0] ?? "").trim()
  const dictionary = (): Readonly<Record<string, Value>> => {
    tag("<dict>")
    const entries: Array<readonly [string, Value]> = []
    while (next() !== "</dict>") entries.push([content("key"), value()])
    tag("</dict>")
    return Object.fromEntries(entries)
  }
  const value = (): Value => {
    switch (next()) {
      case "<dict>":
        return dictionary()
      case "<array>": {
        tag("<array>")
        const items: Array<Value> = []
        while (next() !== "</array>") items.push(value())
        tag("</array>")
        return items
      }
      case "<integer>":
        return Number(content("integer"))
      case "<true/>":
      case "<false/>":
        return (tokens[at++]?.[0] ?? "").trim() === "<true/>"
      default:
        return content("string")
    }
  }
  tag("<plist>")
  const root = dictionary()
  tag("</plist>")
  if (at !== tokens.length) throw new Error("there is more behind it")
  return root
}
