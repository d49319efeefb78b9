include $(sort $(wildcard $(BR2_EXTERNAL_KEELBOOT_PATH)/package/*/*.mk))
