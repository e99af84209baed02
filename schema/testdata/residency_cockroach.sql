-- strict: []
ALTER DATABASE "a ""shop""" PRIMARY REGION "us-east";
ALTER DATABASE "a ""shop""" ADD REGION IF NOT EXISTS "ap-southeast";
ALTER DATABASE "a ""shop""" ADD REGION IF NOT EXISTS "eu-west";
ALTER DATABASE "a ""shop""" ADD REGION IF NOT EXISTS "us-west";
ALTER DATABASE "a ""shop""" SURVIVE REGION FAILURE;
-- strict: [eu-west]
ALTER DATABASE "a ""shop""" PRIMARY REGION "us-east";
ALTER DATABASE "a ""shop""" ADD REGION IF NOT EXISTS "ap-southeast";
ALTER DATABASE "a ""shop""" ADD REGION IF NOT EXISTS "eu-west";
ALTER DATABASE "a ""shop""" ADD REGION IF NOT EXISTS "us-west";
ALTER DATABASE "a ""shop""" SURVIVE ZONE FAILURE;
ALTER DATABASE "a ""shop""" ADD SUPER REGION "eu" VALUES "eu-west";
-- strict: [us-east]
ALTER DATABASE "a ""shop""" PRIMARY REGION "us-east";
ALTER DATABASE "a ""shop""" ADD REGION IF NOT EXISTS "ap-southeast";
ALTER DATABASE "a ""shop""" ADD REGION IF NOT EXISTS "eu-west";
ALTER DATABASE "a ""shop""" ADD REGION IF NOT EXISTS "us-west";
ALTER DATABASE "a ""shop""" SURVIVE ZONE FAILURE;
ALTER DATABASE "a ""shop""" ADD SUPER REGION "us" VALUES "us-east", "us-west";
