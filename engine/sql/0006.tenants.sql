-- Who may look at which tenant's numbers, and which machines the plant file still names.
-- depends: 0004.views

-- A database role reads the rows of these tenants through the views of planning, quality and reliability.
CREATE TABLE tenant_users (
    name      text NOT NULL,            -- of the role that logs in (session_user)
    tenant_id int4 NOT NULL,
    PRIMARY KEY (name, tenant_id)
);

-- False once the plant file no longer names it: its history stays, its capacity is gone.
ALTER TABLE machines ADD COLUMN in_plant bool NOT NULL DEFAULT true;
