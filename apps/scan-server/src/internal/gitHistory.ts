/**
 * Wraps the platform: what the commits of a repository have ever added, as `git log -p` tells it, matched while it comes. Memory does not
 * depend on the length of the history. A merge adds what its parents do not have only if it was added in none of them: such lines are
 * not seen.
 *
 * The repository is not trusted: no program that its configuration names is run, and nothing is fetched.
 */
import { spawn } from "node:child_process"
import type { Finding } from "../Finding.ts"
import type { Document, Matcher, SetAside } from "./matchText.ts"
import type { Scanned } from "./scanFiles.ts"

const args = [
  ...["-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "--no-pager", "log", "--all", "-p", "-U0"],
  ...["--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--no-show-signature", "--relative"],
  ...["--src-prefix=a/", "--dst-prefix=b/", "--format=%x00%H", "--", "."]
]

/** `onPart` is called before each piece of output is matched. */
export const scan = async (
  root: string,
  matcher: Matcher,
  onPart: (file: number) => void
): Promise<Scanned> => {
  const { HOME = "", PATH = "" } = process.env
  // It ends with this thread, which is the only reader of its output.
  const git = spawn("git", args, {
    cwd: root,
    env: { HOME, PATH, LC_ALL: "C", GIT_OPTIONAL_LOCKS: "0", GIT_NO_LAZY_FETCH: "1", GIT_TERMINAL_PROMPT: "0" },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let complaint = ""
  git.stderr.setEncoding("utf8").on("data", (text: string) => complaint = (complaint + text).slice(0, 500))
  const ended = new Promise<string | undefined>((resolve) => {
    git.once("error", ({ message }) => resolve(message))
    git.once("close", (code) => resolve(code === 0 ? undefined : complaint.split("\n")[0] || `git ended with ${code}`))
  })
  const aside: SetAside = { allowed: 0 }
  // The log begins with the newest commit: what is left of a secret is where it came in.
  const oldest = new Map<string, Finding>()
  const reader = read(matcher, aside, (finding) => oldest.set(finding.fingerprint, finding))
  let bytes = 0
  for await (const text of git.stdout.setEncoding("utf8")) {
    onPart(0)
    bytes += text.length
    await reader.push(text)
  }
  await reader.end()
  const problem = await ended
  return {
    findings: [...oldest.values()],
    files: 0,
    bytes,
    binary: 0,
    allowed: aside.allowed,
    notRead: problem === undefined ? [] : [{ path: ".git", reason: `its history cannot be read: ${problem}` }]
  }
}

/** How much of a line without end is kept before it is matched. */
const longestLine = 64 * 1024

/** Reads the log: which commit, which file, which lines were added. */
const read = (matcher: Matcher, aside: SetAside, onFinding: (finding: Finding) => void) => {
  let [commit, path] = ["", ""]
  let document: Document | undefined
  let found: Array<Finding> = []
  let added = 0
  let rest = ""
  // Of an added line that is still coming the beginning has been matched.
  let isWithin = false

  const close = async (): Promise<void> => {
    await document?.end()
    document = undefined
    for (const finding of found) onFinding(finding)
    found = []
  }

  const onLine = async (line: string): Promise<void> => {
    if (added > 0 && line.startsWith("+")) {
      added--
      await document?.push(`${line.slice(1)}\n`)
      if (added === 0) await close()
    } else if (line.startsWith("\0")) {
      commit = line.slice(1)
    } else if (line.startsWith("+++ ")) {
      path = pathOf(line.slice(4))
    } else {
      // Lines that were removed, and headers, are none of these.
      const [, first, plus = "1"] = /^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@/.exec(line) ?? []
      if (first === undefined) return
      added = Number(plus)
      if (added > 0) document = matcher.document({ path, commit, firstLine: Number(first) }, found, aside)
    }
  }

  return {
    push: async (text: string): Promise<void> => {
      rest += text
      for (let newline = rest.indexOf("\n"); newline >= 0; newline = rest.indexOf("\n")) {
        const line = rest.slice(0, newline)
        rest = rest.slice(newline + 1)
        await onLine(isWithin ? `+${line}` : line)
        isWithin = false
      }
      if (rest.length > longestLine && added > 0 && (isWithin || rest.startsWith("+"))) {
        await document?.push(isWithin ? rest : rest.slice(1))
        isWithin = true
        rest = ""
      }
    },
    end: close
  }
}

/** As git writes it: after `b/`, with a tab behind it if it has spaces, in quotes if it has signs that are none to print. */
const pathOf = (written: string): string => {
  const plain = written.startsWith("\"")
    ? written.slice(1, written.lastIndexOf("\"")).replaceAll(
      /\\(?:([0-7]{3})|(.))/g,
      (_, octal?: string, sign?: string) =>
        octal === undefined
          ? escapes[sign ?? ""] ?? sign ?? ""
          : `\\x${Number.parseInt(octal, 8).toString(16).toUpperCase()}`
    )
    : written.replace(/\t$/, "")
  return plain.replace(/^b\//, "")
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" }
