/** The house's own lint rules, as a plugin for oxlint. Switched on in `.oxlintrc.json`. */
import { explainCast } from "./explainCast.ts"
import { noAsync } from "./noAsync.ts"
import { noEffectBarrel } from "./noEffectBarrel.ts"
import { noErrorInstance } from "./noErrorInstance.ts"
import { noPlatform } from "./noPlatform.ts"
import { plainWords } from "./plainWords.ts"

export default {
  meta: { name: "holdfast" },
  rules: {
    "explain-cast": explainCast,
    "no-async": noAsync,
    "no-effect-barrel": noEffectBarrel,
    "no-error-instance": noErrorInstance,
    "no-platform": noPlatform,
    "plain-words": plainWords
  }
}
