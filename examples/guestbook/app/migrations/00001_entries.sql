-- +goose Up
CREATE TABLE entry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL);

-- +goose Down
DROP TABLE entry;
