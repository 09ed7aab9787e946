import { useStore } from "../api/store";
import { Dialog } from "../ui/controls";
import { shortcuts, type Shortcut } from "./shortcuts";

/** What can be pressed on this page. */
export function HelpDialog({ onClose }: { onClose: () => void }) {
  const all = useStore(shortcuts);
  const last = new Map<string, Shortcut>();
  for (const shortcut of all) last.set(shortcut.keys, shortcut);
  const groups = grouped([...last.values()]);
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      {[...groups].map(([group, members]) => (
        <section key={group} className="keys">
          <h3>{group}</h3>
          <dl>
            {members.map((shortcut) => (
              <div key={shortcut.keys}>
                <dt>{shortcut.keys.split(" ").map((key) => <kbd key={key}>{key}</kbd>)}</dt>
                <dd>{shortcut.label}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </Dialog>
  );
}

function grouped(all: readonly Shortcut[]): Map<string, Shortcut[]> {
  const groups = new Map<string, Shortcut[]>();
  for (const shortcut of all) groups.set(shortcut.group, [...(groups.get(shortcut.group) ?? []), shortcut]);
  return groups;
}
