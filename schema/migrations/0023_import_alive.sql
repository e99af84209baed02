-- Until when a running import counts as being worked on: whoever works on it moves it on. One that is past it was
-- interrupted, and goes on when its file is imported again.
ALTER TABLE imports ADD COLUMN IF NOT EXISTS alive_until timestamptz NOT NULL DEFAULT now() + INTERVAL '1 minute';
