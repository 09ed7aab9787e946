import "@xyflow/react/dist/base.css";
import "./styles/tokens.css";
import "./styles/layout.css";
import "./styles/parts.css";
import "./styles/plan.css";
import "./styles/platform.css";
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { config, loadConfig } from "./api/config";
import { connection } from "./api/connection";
import { askFirst, session } from "./api/session";
import { useStore } from "./api/store";
import { Login } from "./app/identity";
import { Shell } from "./app/shell";
import { listenForShortcuts } from "./app/shortcuts";
import { applyTheme } from "./app/theme";
import { Guard, Loading } from "./ui/states";

function App() {
  const { needed } = useStore(session);
  const [configured, setConfigured] = useState(false);
  useEffect(() => listenForShortcuts(), []);
  const { returns } = useStore(connection);
  useEffect(() => {
    // Asked anew when the API comes back: it may be another one, with its database at another port.
    void loadConfig().then(() => {
      askFirst(config.get().auth);
      setConfigured(true);
    });
  }, [returns]);
  if (!configured) return <Loading />;
  // The page stays mounted behind the login: what was chosen and loaded is there afterwards.
  return (
    <Guard name="console">
      <div hidden={needed}>
        <Shell />
      </div>
      {needed && <Login />}
    </Guard>
  );
}

applyTheme();
createRoot(document.getElementById("root")!).render(<App />);
