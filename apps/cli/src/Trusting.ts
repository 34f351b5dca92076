/** Whether the user agrees to every config that is found (`--trust`), instead of being asked. */
import * as Context from "effect/Context"

export const Trusting = Context.Reference<boolean>("holdfast/Trusting", { defaultValue: () => false })
