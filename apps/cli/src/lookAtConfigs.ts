/**
 * The configs for words that only look: what cannot be used is part of what they show, and fails nothing. With `--trust` what was left out is
 * agreed to first.
 */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as ConfigFile from "./ConfigFile.ts"
import * as ConfigSearch from "./ConfigSearch.ts"
import { Trusting } from "./Trusting.ts"

export const lookAtConfigs = Effect.fnUntraced(function*(named: Option.Option<string>) {
  // Its failures are in what the search finds.
  if (yield* Trusting) yield* Effect.ignore(ConfigFile.load(named))
  return yield* ConfigSearch.search(named)
})
