/** Matches texts as a scan does. */
import * as Effect from "effect/Effect"
import type { Finding } from "../../src/Finding.ts"
import * as MatchText from "../../src/internal/matchText.ts"
import type { AllowList, ScanRule } from "../../src/ScanRule.ts"
import * as ScanRules from "../../src/ScanRules.ts"

/** The built-in rules, made ready once. */
export const builtIn = MatchText.make(ScanRules.builtIn, "a key")

/** What a text holds, given in pieces of this length. */
export const find = (
  text: string,
  { matcher = builtIn, path = "a/b.ts", pieces = text.length, ...place }: Partial<MatchText.Place> & {
    readonly matcher?: MatchText.Matcher
    readonly pieces?: number
  } = {}
): Effect.Effect<{ readonly found: ReadonlyArray<Finding>; readonly allowed: number }> =>
  Effect.promise(async () => {
    const found: Array<Finding> = []
    const aside = { allowed: 0 }
    const document = matcher.document({ path, ...place }, found, aside)
    for (let at = 0; at < text.length; at += pieces) await document.push(text.slice(at, at + pieces))
    await document.end()
    return { found, allowed: aside.allowed }
  })

/** Rules of a test's own, and no others. */
export const only = (rules: ReadonlyArray<ScanRule>, allow: ReadonlyArray<AllowList> = []) =>
  MatchText.make({ rules, allow }, "a key")

/** A token that is found, put together so that no scanner takes this file for what it shows. */
export const npmToken = ["np", "m_Zm9vYmFyQmF6MTIzNDU2Nzg5MGFiY2RlZmdo"].join("")
