-- +goose Up
ALTER TABLE entry ADD COLUMN written timestamptz NOT NULL DEFAULT now();

-- +goose Down
ALTER TABLE entry DROP COLUMN written;
