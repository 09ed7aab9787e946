// phase: pre
// Ordered pages of the modules that came later, and of their parts by owner and position.
CREATE INDEX dialog_page IF NOT EXISTS FOR (n:Dialog) ON (n.project_id, n.id);
CREATE INDEX collab_page IF NOT EXISTS FOR (n:Collab) ON (n.project_id, n.id);
CREATE INDEX extension_page IF NOT EXISTS FOR (n:Extension) ON (n.project_id, n.id);
CREATE INDEX core_page IF NOT EXISTS FOR (n:Core) ON (n.project_id, n.id);
CREATE INDEX network_page IF NOT EXISTS FOR (n:Network) ON (n.project_id, n.id);
CREATE INDEX message_page IF NOT EXISTS FOR (n:Message) ON (n.project_id, n.dialog, n.position);
CREATE INDEX participant_page IF NOT EXISTS FOR (n:Participant) ON (n.project_id, n.collab, n.position);
CREATE INDEX network_node_page IF NOT EXISTS FOR (n:NetworkNode) ON (n.project_id, n.network, n.position);
