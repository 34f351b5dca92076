/** `holdfast questions --json`. */
import { Questions } from "@holdfast/daemon/ControlContract"

export const Output = Questions.annotate({
  description: "What servers have asked in calls that the daemon keeps (`call --park`), the oldest first."
})
