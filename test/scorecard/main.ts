/**
 * `pnpm scorecard [daemon|libraries] [WORD…] [--write]`: what becomes of calls when something goes wrong, ours beside others, on this machine and with the
 * same servers. `daemon`: programs that keep servers for a shell, each case with a user of its own; the others are installed from npm, exactly
 * pinned, into `.tmp/scorecard`. `libraries`: what a program calls servers with, as this workspace has them from npm. A case in which another
 * one does better than ours is told.
 *
 * Words choose the cases that have them in their names: `pnpm scorecard daemon deadline`. `--write` puts the tables into `docs/scorecard.md`. Ends
 * with 1 if a case of ours is not right.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { daemonScorecard } from "./daemon/scorecard.ts"
import { librariesScorecard } from "./libraries/scorecard.ts"
import type { Chooser, Scorecard } from "./Scorecard.ts"

const kinds: Readonly<Record<string, (isChosen: Chooser) => Promise<Scorecard>>> = {
  libraries: librariesScorecard,
  daemon: daemonScorecard
}

const words = process.argv.slice(2)
const isWritten = words.includes("--write")
const chosenKinds = words.filter((word) => word in kinds)
const parts = words.filter((word) => !(word in kinds) && !word.startsWith("-"))
const unknown = words.find((word) => word.startsWith("-") && word !== "--write")
if (unknown !== undefined || (isWritten && parts.length > 0)) {
  console.error(
    unknown !== undefined
      ? `there is no ${unknown}: pnpm scorecard [${Object.keys(kinds).join("|")}] [WORD…] [--write]`
      : "--write is for all cases: leave out the words"
  )
  process.exit(2)
}

const file = path.resolve(import.meta.dirname, "../../docs/scorecard.md")

/** Between the marks of its kind. */
const write = (kind: string, text: string): void => {
  const [begin, end] = [`<!-- scorecard: ${kind} -->`, `<!-- end: ${kind} -->`]
  const document = fs.readFileSync(file, "utf8")
  const [from, to] = [document.indexOf(begin), document.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/scorecard.md has no place for ${kind}`)
  fs.writeFileSync(file, `${document.slice(0, from + begin.length)}\n\n${text}\n\n${document.slice(to)}`)
}

for (const kind of chosenKinds.length > 0 ? chosenKinds : Object.keys(kinds)) {
  const made = await kinds[kind]?.((name) => parts.length === 0 || parts.some((word) => name.includes(word)))
  if (made === undefined) continue
  console.log(made.text)
  if (isWritten) write(kind, made.text)
  if (!made.isOursRight) process.exitCode = 1
}
