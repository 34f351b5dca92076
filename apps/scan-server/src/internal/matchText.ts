/**
 * The matcher itself: the text of a file in, in pieces of any size, findings out. The same text gives the same findings, however it is cut.
 *
 * A text is matched window by window. A window owns the secrets that begin in it, and sees enough before and behind it for any secret to
 * be whole: what lies across a border is found once. In a window one pass finds all keywords; each rule is tried near its own only.
 */
import { createHmac } from "node:crypto"
import type { RE2JS } from "re2js"
import type { Finding, Severity } from "../Finding.ts"
import type { AllowList, RuleSet, ScanRule } from "../ScanRule.ts"
import { type SecretlintRule, secretlintRules } from "../SecretlintRules.ts"
import { compile } from "./pattern.ts"
import * as Secretlint from "./secretlintPreset.ts"
import * as WordAutomaton from "./wordAutomaton.ts"

/** How much a window owns. */
const owned = 256 * 1024
/** How much it sees before that, and behind it: no private key, and no other secret, is longer. */
const before = 2 * 1024
const behind = 16 * 1024
/** How far before its keyword a rule of single lines is tried; behind it as far as any. */
const lineBefore = 1024

/** Where a rule matches a piece of text. */
interface Match {
  readonly start: number
  readonly end: number
  readonly secretStart: number
  readonly secret: string
}

interface Detector {
  readonly id: string
  readonly severity: Severity
  readonly multiline: boolean
  readonly keywords: ReadonlyArray<string>
  readonly entropy: number
  readonly path: RE2JS | undefined
  readonly generic: boolean
  readonly allow: ReadonlyArray<Allow>
  /** Spares the search where it finds nothing. */
  readonly guard: RE2JS | undefined
  readonly find: (text: string, path: string) => Iterable<Match> | Promise<Iterable<Match>>
}

/** How many were found and set aside. */
export interface SetAside {
  /** By allow lists, and by comments beside them. */
  allowed: number
}

/** One text. */
export interface Document {
  readonly push: (text: string) => Promise<void>
  readonly end: () => Promise<void>
}

export interface Place {
  readonly path: string
  readonly commit?: string | undefined
  /** The first line's number. Default: 1. */
  readonly firstLine?: number | undefined
}

export interface Matcher {
  /** A text whose findings are put into `found`. */
  readonly document: (place: Place, found: Array<Finding>, aside: SetAside) => Document
}

/** The rules made ready. `key`: what fingerprints are made with. */
export const make = (set: RuleSet, key: string): Matcher => {
  const detectors = [...secretlintRules.map(ofSecretlint), ...set.rules.map(ofRule)]
  const allowLists = set.allow.map(compileAllow)
  const words = [...new Set(detectors.flatMap(({ keywords }) => keywords))]
  const numbers = new Map(words.map((word, index) => [word, index]))
  const wanting: ReadonlyArray<Array<number>> = words.map(() => [])
  for (const [index, { keywords }] of detectors.entries()) {
    for (const word of keywords) wanting[numbers.get(word) ?? 0]?.push(index)
  }
  const automaton = WordAutomaton.make(words)

  const document = (place: Place, found: Array<Finding>, aside: SetAside): Document => {
    const { commit, firstLine = 1, path } = place
    const isFor = detectors.map((one) => one.path === undefined || one.path.test(path))
    const isOut = allowLists.some((one) => one.list.rules === undefined && isPlaceAllowed(one, path, commit))
    let text = ""
    // Where in the text the next window's own part begins, and in which line, and how far into it, that is.
    let from = 0
    let line = firstLine
    let column = 1

    const window = async (to: number, isLast: boolean): Promise<void> => {
      const ranges: Array<Array<number> | undefined> = []
      for (const [index, { keywords, multiline }] of detectors.entries()) {
        if (keywords.length === 0 && isFor[index] === true) ranges[index] = multiline ? [0, text.length] : linesOf(text)
      }
      // Keywords come in order, most of them several to a line.
      let [lineBegin, lineEnd] = [0, -1]
      automaton.scan(text, (word, end) => {
        const start = end - (words[word]?.length ?? 0)
        if (end > lineEnd) {
          lineBegin = text.lastIndexOf("\n", start - 1) + 1
          const newline = text.indexOf("\n", end)
          lineEnd = newline < 0 ? text.length : newline
        }
        for (const index of wanting[word] ?? []) {
          if (isFor[index] !== true) continue
          const range = ranges[index] ??= []
          const last = range[range.length - 1] ?? -1
          const isBlock = detectors[index]?.multiline === true
          const until = Math.min(isBlock ? text.length : lineEnd, end + behind)
          if (until <= last) continue
          const begin = Math.max(isBlock ? 0 : lineBegin, start - (isBlock ? before : lineBefore))
          if (begin <= last) range[range.length - 1] = until
          else range.push(begin, until)
        }
      })
      const hits: Array<Match & { readonly by: Detector; readonly order: number }> = []
      for (const [order, range] of ranges.entries()) {
        const by = detectors[order]
        if (range === undefined || by === undefined) continue
        for (let at = 0; at < range.length; at += 2) {
          const begin = range[at] ?? 0
          const until = range[at + 1] ?? 0
          const piece = text.slice(begin, text[until - 1] === "\r" ? until - 1 : until)
          if (by.guard?.test(piece) === false) continue
          const matches = by.find(piece, path)
          for (const match of Symbol.iterator in matches ? matches : await matches) {
            const secretStart = begin + match.secretStart
            if (secretStart < from || (!isLast && secretStart >= to)) continue
            hits.push({ ...match, start: begin + match.start, end: begin + match.end, secretStart, by, order })
          }
        }
      }
      hits.sort((a, b) =>
        Number(a.by.generic) - Number(b.by.generic) || a.order - b.order || a.secretStart - b.secretStart
      )
      const taken: Array<typeof hits[number]> = []
      for (const hit of hits) {
        const end = hit.secretStart + hit.secret.length
        if (taken.some((one) => hit.secretStart < one.secretStart + one.secret.length && one.secretStart < end)) {
          continue
        }
        if (entropyOf(hit.secret) < hit.by.entropy) continue
        taken.push(hit)
      }
      taken.sort((a, b) => a.secretStart - b.secretStart)
      for (const { by, end, secret, secretStart, start } of taken) {
        advance(secretStart)
        if (
          isAllowed(by, {
            path,
            commit,
            secret,
            match: text.slice(start, end),
            line: () => lineAround(text, secretStart)
          })
        ) {
          aside.allowed++
          continue
        }
        found.push({
          rule: by.id,
          severity: by.severity,
          path,
          line,
          column,
          excerpt: excerptOf(secret),
          fingerprint: fingerprint(key, by.id, path, secret),
          ...commit !== undefined && { commit }
        })
      }
      advance(to)
      const rest = Math.max(0, to - before)
      text = text.slice(rest)
      from = to - rest
    }

    /** Counts lines up to a place. */
    const advance = (to: number): void => {
      for (let newline = text.indexOf("\n", from); newline >= 0 && newline < to; newline = text.indexOf("\n", from)) {
        line++
        column = 1
        from = newline + 1
      }
      column += to - from
      from = to
    }

    const isAllowed = (by: Detector, it: Parameters<typeof allows>[1]): boolean =>
      commentsThatAllow.test(it.line())
      || by.allow.some((one) => allows(one, it))
      || allowLists.some((one) => (one.list.rules === undefined || one.list.rules.includes(by.id)) && allows(one, it))

    return {
      push: async (more) => {
        if (isOut) return
        text += more
        while (text.length >= from + owned + behind) await window(from + owned, false)
      },
      end: async () => {
        if (isOut) return
        for (const [index, { id, severity }] of detectors.entries()) {
          if (set.rules[index - secretlintRules.length]?.pattern !== undefined || index < secretlintRules.length) {
            continue
          }
          if (isFor[index] !== true) continue
          const finding = { rule: id, severity, path, line: firstLine, column: 1, excerpt: "the file itself" }
          found.push({ ...finding, fingerprint: fingerprint(key, id, path, ""), ...commit !== undefined && { commit } })
        }
        await window(text.length, true)
      }
    }
  }
  return { document }
}

/** Of a short password four characters would be most of it. */
const excerptOf = (secret: string): string =>
  `${secret.slice(0, Math.min(4, Math.floor(secret.length / 4)))}… (${secret.length} characters)`

/** Keyed: without the key nothing can be tried against it. */
const fingerprint = (key: string, rule: string, path: string, secret: string): string =>
  createHmac("sha256", key).update(`${rule}\0${path}\0${secret}`).digest("hex").slice(0, 32)

const commentsThatAllow = /holdfast-scan:allow|gitleaks:allow|secretlint-disable-line/

const linesOf = (text: string): Array<number> => {
  const ranges: Array<number> = []
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf("\n", at)
    const end = newline < 0 ? text.length : newline
    // A line without end is tried in pieces that overlap.
    for (let begin = at; begin < end; begin += behind) {
      ranges.push(Math.max(at, begin - lineBefore), Math.min(end, begin + behind + lineBefore))
    }
    at = end + 1
  }
  return ranges
}

/** The line that holds a place, or what is near it. */
const lineAround = (text: string, at: number): string => {
  const newline = text.indexOf("\n", at)
  return text.slice(
    Math.max(text.lastIndexOf("\n", at - 1) + 1, at - lineBefore),
    Math.min(newline < 0 ? text.length : newline, at + behind)
  )
}

/** RE2's automata are built as they are needed: a rule is compiled when it is first tried. */
const lazily = <A>(make: () => A): () => A => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}

const isAscii = (word: string): boolean => /^[\x20-\x7e]+$/.test(word)

const ofRule = (rule: ScanRule): Detector => {
  const {
    allow = [],
    entropy = 0,
    generic = false,
    group,
    id,
    ignoreCase,
    keywords,
    multiline = false,
    path,
    pattern,
    severity
  } = rule
  const compiled = lazily(() => compile(pattern ?? "", ignoreCase))
  return {
    id,
    severity,
    multiline,
    entropy,
    generic,
    // One that the automaton cannot hold would never be found.
    keywords: pattern === undefined
      ? ["\0"]
      : keywords.every(isAscii)
      ? keywords.map((word) => word.toLowerCase())
      : [],
    path: path === undefined ? undefined : compile(path),
    allow: allow.map(compileAllow),
    guard: undefined,
    *find(text) {
      const re = compiled()
      if (pattern === undefined || !re.test(text)) return
      const matcher = re.matcher(text)
      const named = "secret" in re.namedGroups()
      while (matcher.find()) {
        let which: string | number = group ?? (named ? "secret" : 0)
        if (which === 0) {
          for (let one = 1; one <= matcher.groupCount() && which === 0; one++) {
            if ((matcher.group(one) ?? "") !== "") which = one
          }
        }
        const secret = matcher.group(which)
        if (secret === null || secret === "") continue
        yield { start: matcher.start(), end: matcher.end(), secretStart: matcher.start(which), secret }
      }
    }
  }
}

const ofSecretlint = (it: SecretlintRule): Detector => ({
  id: it.id,
  severity: it.severity,
  multiline: it.multiline ?? false,
  entropy: it.entropy ?? 0,
  keywords: it.keywords,
  generic: false,
  path: undefined,
  allow: [],
  guard: it.guard === undefined ? undefined : compile(it.guard),
  find: async (text, path) =>
    (await Secretlint.find(it.rule, text, path)).map(([start, early]) => {
      const length = it.prefix?.exec(text.slice(start, early))?.[0].length ?? 0
      const end = early + length
      return { start, end, secretStart: start + length, secret: text.slice(start + length, end) }
    })
})

interface Allow {
  readonly list: AllowList
  readonly paths: ReadonlyArray<RE2JS>
  readonly regexes: ReadonlyArray<RE2JS>
  readonly stopwords: ReadonlyArray<string>
}

const compileAllow = (list: AllowList): Allow => ({
  list,
  paths: (list.paths ?? []).map((one) => compile(one)),
  regexes: (list.regexes ?? []).map((one) => compile(one)),
  stopwords: (list.stopwords ?? []).map((word) => word.toLowerCase())
})

/** Nothing that is there need be looked at. */
const isPlaceAllowed = ({ list, paths }: Allow, path: string, commit: string | undefined): boolean =>
  list.every !== true
  && (paths.some((one) => one.test(path)) || (commit !== undefined && list.commits?.includes(commit) === true))

const allows = (
  { list, paths, regexes, stopwords }: Allow,
  it: {
    readonly path: string
    readonly commit: string | undefined
    readonly secret: string
    readonly match: string
    readonly line: () => string
  }
): boolean => {
  const verdicts: Array<boolean> = []
  if (paths.length > 0) verdicts.push(paths.some((one) => one.test(it.path)))
  if (list.commits !== undefined) verdicts.push(it.commit !== undefined && list.commits.includes(it.commit))
  if (regexes.length > 0) {
    const target = list.target === "line" ? it.line() : list.target === "match" ? it.match : it.secret
    verdicts.push(regexes.some((one) => one.test(target)))
  }
  if (stopwords.length > 0) {
    const small = it.secret.toLowerCase()
    verdicts.push(stopwords.some((word) => small.includes(word)))
  }
  return verdicts.length > 0 && (list.every === true ? verdicts.every((is) => is) : verdicts.some((is) => is))
}

/** Shannon's, in bits per character. */
export const entropyOf = (text: string): number => {
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= count / text.length * Math.log2(count / text.length)
  return bits
}
