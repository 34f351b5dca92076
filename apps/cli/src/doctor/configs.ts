/**
 * The config files that were looked for: which were read, and what is wrong in them.
 */
import type * as ConfigSearch from "../ConfigSearch.ts"
import { fault, type Finding, note, ok } from "./Finding.ts"

/** Findings for each file that is there, or one that says that there is none. */
export const check = ({ config, places }: ConfigSearch.ConfigSearch): ReadonlyArray<Finding> => {
  const found = places.flatMap((place) => ofPlace(place, config))
  if (found.length > 0) return found
  const looked = places.map(({ shown }) => shown)
  const message = `none is there; looked for ${looked.join(", ")}`
  return [fault("config", "config", message, "holdfast add writes one, holdfast import reads those of other programs")]
}

const ofPlace = (
  { outcome, shown }: ConfigSearch.LookedAt,
  { origins }: ConfigSearch.FoundConfig
): ReadonlyArray<Finding> => {
  switch (outcome._tag) {
    case "Absent":
      return []
    case "Behind":
      return [note("config", shown, "not read, because a nearer file cannot be read")]
    case "Untrusted": {
      const why = outcome.isChanged ? "it has changed since you trusted it" : "you have not trusted it"
      return [note("config", shown, `left out: ${why}`, "Read it; --trust uses it from now on")]
    }
    case "Faulty":
      return [
        fault("config", shown, outcome.fault.message, "Correct it there. Files behind it are not read until then")
      ]
    case "Read": {
      const { servers, switchedOff, unusable, warnings } = outcome.config
      const counted = servers.size === 1 ? "1 server" : `${servers.size} servers`
      const off = switchedOff.size === 0 ? "" : `, switched off: ${[...switchedOff].join(", ")}`
      const hidden = [...servers.keys()].filter((name) => origins.get(name)?.shown !== shown)
      const behind = hidden.length === 0 ? "" : `, hidden by a nearer file: ${hidden.join(", ")}`
      return [
        ok("config", shown, `${counted}${off}${behind}`),
        ...[...unusable].filter(([name]) => !switchedOff.has(name)).map(([name, reason]) =>
          fault("config", shown, `${name} cannot be used: ${reason.message}`, "Correct the entry there")
        ),
        ...warnings.map((warning) => note("config", shown, warning.message))
      ]
    }
  }
}
