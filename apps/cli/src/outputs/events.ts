/** `holdfast events --json`. */
import { Event } from "@holdfast/daemon/ControlContract"

export const Output = Event.annotate({
  description:
    "A line for each event, the oldest first; with `--follow` as they come. `seq` counts the events of one daemon."
})
